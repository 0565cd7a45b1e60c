// Checks the option table, the help text and configs/appd.ini against each other.

#include "runtime/config/option_table.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <sstream>

#include "runtime/config/command_line.hpp"
#include "runtime/config/config_file.hpp"
#include "runtime/config/help_text.hpp"
#include "runtime/config/temporary_file.hpp"
#include "runtime/config/value_formats.hpp"
#include "runtime/config/verbs.hpp"

namespace appd::config {
namespace {

// configs/appd.ini with its commented settings ("#name = value", no blank after the #) in effect.
std::string uncommented_sample() {
  std::istringstream sample(read_file(APPD_CONFIGS "/appd.ini"));
  std::string text, line;
  while (std::getline(sample, line)) {
    const bool commented = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    text += (commented ? line.substr(1) : line) + "\n";
  }
  return text;
}

}  // namespace

TEST_SUITE_BEGIN("option table");

TEST_CASE("rows are complete, and names are unique") {
  std::set<std::string_view> names;
  for (const Option& option : option_table()) {
    CAPTURE(option.name);
    CHECK(names.insert(option.name).second);
    CHECK(find_option(option.name) == &option);
    CHECK(option.help.ends_with('.'));
    CHECK(option.is_action() == (option.group == Group::actions));
    CHECK(option.is_action() == (option.show == nullptr));
    CHECK(option.repeatable == (option.clear != nullptr));
    CHECK_FALSE((option.required && !option.fallback.empty()));
  }
  CHECK(find_option("thread") == nullptr);
}

TEST_CASE("every option takes its words, and names them when it refuses another") {
  for (const Option& option : option_table()) {
    CAPTURE(option.name);
    if (option.words.empty()) continue;
    Settings settings;
    for (const std::string_view word : option.words) option.assign(settings, word);
    CHECK(option.show(settings) == std::vector{std::string(option.words.back())});
    try {
      option.assign(settings, "another");
      FAIL("takes any word");
    } catch (const BadValue& bad) {
      for (const std::string_view word : option.words) {
        CHECK(std::string_view(bad.what()).find(word) != std::string_view::npos);
      }
    }
  }
  CHECK(find_option("reload-strategy")->words.size() == 2);
  CHECK(find_option("preload")->words.size() == 3);
  CHECK(find_option("spool-bodies")->words.size() == 2);
  CHECK(find_option("threads")->words.empty());
}

TEST_CASE("the sample as it is changes nothing") {
  const auto entries = parse_ini(read_file(APPD_CONFIGS "/appd.ini"), "appd.ini");
  CHECK(entries.empty());
}

TEST_CASE("the sample has every option, and all of its lines can be used") {
  std::map<std::string, std::string> sample;
  for (const FileEntry& entry : parse_ini(uncommented_sample(), "appd.ini")) {
    sample[entry.key] = entry.value;
  }
  for (const Option& option : option_table()) {
    CAPTURE(option.name);
    CHECK(sample.contains(std::string(option.name)) == !option.is_action());
  }
  std::string usable = uncommented_sample();
  const std::string excluded = "python = " + sample.at("python");  // by virtualenv
  usable.erase(usable.find(excluded), excluded.size());
  const test::TemporaryFile file(usable);
  const std::string config = "--config=" + file.path();
  const char* const argv[] = {"appd", config.c_str()};
  const Command command = parse_command_line(2, argv, {});
  CHECK(command.settings.module == "app:application");
  CHECK(command.settings.socket_group == "www-data");
}

TEST_CASE("the sample has the defaults of the table") {
  for (const FileEntry& entry : parse_ini(uncommented_sample(), "appd.ini")) {
    CAPTURE(entry.key);
    const Option* const option = find_option(entry.key);
    REQUIRE(option);
    if (!option->fallback.empty()) CHECK(entry.value == option->fallback);
  }
  for (const FileEntry& entry : parse_ini(uncommented_sample(), "appd.ini")) {
    if (entry.key == "spool-dir") CHECK(entry.value == Environment().temporary_directory);
  }
}

TEST_SUITE_END();

TEST_SUITE_BEGIN("help text");

TEST_CASE("help has every option with its argument and default, in lines that fit a terminal") {
  const std::string help = help_text();
  for (const Option& option : option_table()) {
    CAPTURE(option.name);
    std::string left = "\n  --" + std::string(option.name);
    if (option.takes_value()) left += " " + std::string(option.argument);
    CHECK(help.find(left) != std::string::npos);
    CHECK(help.find(std::string(title(option.group)) + ":\n") != std::string::npos);
  }
  for (const Verb& verb : verbs()) {
    CHECK(help.substr(0, help.find("\n\n")).find(verb.name) != std::string::npos);
    CHECK(verb.help.ends_with('.'));
  }
  CHECK(help.find("Default: 256K.") != std::string::npos);
  CHECK(help.find("Default: false.") == std::string::npos);
  CHECK(help.find("Required.") != std::string::npos);
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.size() <= 80);
    CHECK_FALSE(line.ends_with(' '));
  }
}

TEST_SUITE_END();

}  // namespace appd::config

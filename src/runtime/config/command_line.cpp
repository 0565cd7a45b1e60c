// Splits the command line with Boost, finds the file, and decides what is to be done.

#include "runtime/config/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <string_view>

#include "runtime/config/config_file.hpp"
#include "runtime/config/development.hpp"
#include "runtime/config/option_table.hpp"
#include "runtime/config/settings_builder.hpp"

namespace appd::config {
namespace {

namespace po = boost::program_options;

// The names of all options, and which of them take a value, in Boost's form.
po::options_description describe_options() {
  po::options_description description;
  for (const Option& option : option_table()) {
    auto* value = po::value<std::string>();
    if (!option.takes_value() && option.is_action()) value->zero_tokens();
    if (!option.takes_value() && !option.is_action()) value->implicit_value("true");
    description.add_options()(std::string(option.name).c_str(), value, "");
  }
  return description;
}

std::string_view without_dashes(std::string_view token) {
  token.remove_prefix(std::min(token.find_first_not_of('-'), token.size()));
  return token.substr(0, token.find('='));
}

[[noreturn]] void fail_unexpected(std::string_view token) {
  std::string hint =
      token.starts_with('-') ? did_you_mean({}, without_dashes(token)) : std::string();
  const bool is_short = token.size() == 2 && token.front() == '-';
  if (is_short) hint = "; appd has no one-letter options, see --help";
  throw ConfigError(fmt::format("command line: unexpected argument \"{}\"{}", token, hint));
}

// The option's value; "true" if it has none.
std::string value_of(const po::option& option) {
  if (option.value.empty()) return "true";
  const std::string& value = option.value.front();
  const bool is_token = option.original_tokens.size() > 1;
  // Boost reads "--chdir --check" as a directory named "--check".
  if (is_token && value.starts_with("--")) {
    throw error_at({}, option.string_key, "needs a value before " + value);
  }
  return value;
}

using TakeWord = void (*)(std::vector<Given>& given, std::string_view word);

/// Boost takes the word after a flag for its value.
bool is_flag_before_word(const po::option& option) {
  const Option* const known = find_option(option.string_key);
  return known != nullptr && !known->takes_value() && option.original_tokens.size() > 1;
}

std::vector<Given> to_given(const po::parsed_options& parsed, TakeWord take_word) {
  std::vector<Given> all;
  for (const po::option& option : parsed.options) {
    if (option.string_key.empty()) {
      if (take_word == nullptr) fail_unexpected(option.original_tokens.front());
      take_word(all, option.original_tokens.front());
    } else if (take_word != nullptr && is_flag_before_word(option)) {
      all.push_back({option.string_key, "true", {}});
      take_word(all, option.original_tokens.back());
    } else {
      all.push_back({option.string_key, value_of(option), {}});
    }
  }
  return all;
}

/// `take_word` gets each argument that is neither an option nor its value; null refuses them.
std::vector<Given> read_arguments(int argc, const char* const* argv, TakeWord take_word) {
  using namespace po::command_line_style;
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const po::options_description description = describe_options();
  try {
    // No abbreviations: they would change their meaning when an option is added.
    return to_given(po::command_line_parser(arguments)
                        .options(description)
                        .style(allow_long | long_allow_adjacent | long_allow_next)
                        .run(),
                    take_word);
  } catch (const po::unknown_option& error) {
    option_of({std::string(without_dashes(error.get_option_name())), "", {}});
    throw;
  } catch (const po::invalid_command_line_syntax& error) {
    const bool extra = error.kind() == po::invalid_syntax::extra_parameter;
    throw error_at({}, without_dashes(error.get_option_name()),
                   extra ? "takes no value" : "needs a value");
  }
}

std::vector<Given> to_given(std::vector<FileEntry> entries, const std::string& name) {
  std::vector<Given> all;
  all.reserve(entries.size());
  for (FileEntry& entry : entries) {
    all.push_back(
        {std::move(entry.key), std::move(entry.value), {Origin::Kind::file, name, entry.line}});
  }
  return all;
}

std::vector<Given> read_config(const std::string& name) {
  return to_given(parse_ini(read_file(name), name), name);
}

// Moves the actions from `given` to a map, name → value.
std::map<std::string, std::string, std::less<>> take_actions(std::vector<Given>& given) {
  std::map<std::string, std::string, std::less<>> actions;
  const auto is_action = [](const Given& one) { return option_of(one).is_action(); };
  for (const Given& one : given) {
    if (!is_action(one)) continue;
    const bool is_new = actions.emplace(one.name, one.value).second;
    if (!is_new && option_of(one).takes_value()) throw error_at({}, one.name, "given twice");
  }
  std::erase_if(given, is_action);
  return actions;
}

bool finds_master(const Given& given) {
  const Option* const option = find_option(given.name);
  return option != nullptr && option->finds_master && !option->is_action();
}

/// Errors in other lines are only warnings.
std::vector<Given> read_what_finds_master(const std::string& name,
                                          std::vector<std::string>& warnings) {
  const auto tell = [&warnings](const std::string& error) { warnings.push_back(error); };
  std::vector<Given> given = to_given(parse_ini(read_file(name), name, tell), name);
  for (const Given& one : given) {
    if (finds_master(one)) continue;
    try {
      SettingsBuilder().apply({one});
    } catch (const ConfigError& error) {
      tell(error.what());
    }
  }
  std::erase_if(given, [](const Given& one) { return !finds_master(one); });
  return given;
}

Command parse_question(std::string verb, const std::vector<Given>& given, const std::string* config,
                       const Environment& environment) {
  Command command{.action = Action::ask, .verb = std::move(verb)};
  SettingsBuilder builder;
  if (config != nullptr) builder.apply(read_what_finds_master(*config, command.warnings));
  builder.apply(given);
  builder.find_control(environment);
  command.settings = builder.take_settings();
  command.origins = builder.take_origins();
  return command;
}

void begin_development(SettingsBuilder& builder, const Environment& environment,
                       std::vector<Given> all, const std::vector<Given>& given) {
  all.insert(all.end(), given.begin(), given.end());
  builder.develop(development_preset(environment, all));
}

Action action_of(const std::map<std::string, std::string, std::less<>>& actions) {
  if (actions.contains("version")) return Action::version;
  if (actions.contains("print-config")) return Action::print_config;
  return actions.contains("check") ? Action::check : Action::run;
}

}  // namespace

Command parse_command_line(int argc, const char* const* argv, const Environment& environment) {
  const bool has_verb = argc > 1 && argv[1][0] != '-' && argv[1][0] != '\0';
  const bool develops = has_verb && argv[1] == std::string_view(kDevelopment);
  const bool asks = has_verb && !develops;
  const int verbs = has_verb ? 1 : 0;
  std::vector<Given> given =
      read_arguments(argc - verbs, argv + verbs, develops ? name_application : nullptr);
  const auto actions = take_actions(given);
  if (actions.contains("help")) return {.action = Action::help};

  const auto file = actions.find("config");
  const std::string* const config = file == actions.end() ? nullptr : &file->second;
  if (asks) return parse_question(argv[1], given, config, environment);

  std::vector<Given> file_options;
  if (config != nullptr) file_options = read_config(*config);
  SettingsBuilder builder;
  if (develops) {
    begin_development(builder, environment, file_options, given);
  } else {
    refuse_development_options(given);
  }
  builder.apply(file_options);
  builder.apply(given);
  builder.finish(environment);

  const Action action = action_of(actions);
  if (action == Action::run || action == Action::check) builder.require();
  return {action, "", builder.take_settings(), builder.take_origins()};
}

Settings default_settings(const Environment& environment) {
  SettingsBuilder builder;
  builder.finish(environment);
  return builder.take_settings();
}

}  // namespace appd::config

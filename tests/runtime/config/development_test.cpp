// Tests of the command line of appd dev.

#include "runtime/config/development.hpp"

#include <doctest/doctest.h>

#include "runtime/config/command_lines.hpp"

namespace appd::config {
namespace {

using test::parse;
using test::TemporaryFile;

Environment activated() {
  Environment environment;
  environment.virtualenv = "/active";
  return environment;
}

std::string value_of(const std::vector<Given>& options, std::string_view name) {
  for (const Given& one : options) {
    if (one.name == name) return one.value;
  }
  return "";
}

std::string refusal(std::vector<std::string> arguments) {
  try {
    parse(std::move(arguments));
    return "no error";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

}  // namespace

TEST_SUITE("development") {
  TEST_CASE("an application is all that it needs") {
    const Command command = parse({"dev", "app:application"});
    CHECK(command.action == Action::run);
    const Settings& settings = command.settings;
    CHECK(settings.development);
    CHECK(settings.module == "app:application");
    CHECK(settings.http == std::vector<std::string>{"127.0.0.1:8000"});
    CHECK(settings.sockets.empty());
    CHECK(settings.workers == WorkerRange{1, 1});
    CHECK(settings.threads == 1);
    CHECK(settings.request_timeout.count() == 0);
    CHECK(settings.queue_timeout.count() == 0);
    CHECK(settings.slow_request.count() == 0);
    CHECK(settings.start_timeout.count() == 0);
    CHECK(settings.access_log == "-");
    CHECK(settings.access_log_format == "{brief}");
    CHECK(describe(command.origins.at("http").front()) == "appd dev");
  }

  TEST_CASE("an option wins over the preset, wherever it stands") {
    for (const auto& arguments : {std::vector<std::string>{"dev", "app", "--http", "[::1]:1"},
                                  std::vector<std::string>{"dev", "--http", "[::1]:1", "app"},
                                  std::vector<std::string>{"dev", "--http=[::1]:1", "app"}}) {
      const Settings settings = parse(arguments).settings;
      CHECK(settings.http == std::vector<std::string>{"[::1]:1"});
      CHECK(settings.module == "app");
    }
    const TemporaryFile file("[appd]\nhttp = 127.0.0.1:9\nthreads = 3\n");
    const Settings settings = parse({"dev", "app", "--config", file.path()}).settings;
    CHECK(settings.http == std::vector<std::string>{"127.0.0.1:9"});
    CHECK(settings.threads == 3);
  }

  TEST_CASE("a flag takes no application for its value") {
    const Settings settings = parse({"dev", "--open", "app", "--watch", "/w"}).settings;
    CHECK(settings.open_browser);
    CHECK(settings.module == "app");
    CHECK(settings.watch == std::vector<std::string>{"/w"});
  }

  TEST_CASE("the active virtual environment is taken, unless a Python is named") {
    CHECK(value_of(development_preset(activated(), {}), "virtualenv") == "/active");
    CHECK(value_of(development_preset(activated(), {{"python", "/p", {}}}), "virtualenv") == "");
    CHECK(value_of(development_preset(activated(), {{"virtualenv", "/v", {}}}), "virtualenv") ==
          "");
    CHECK(value_of(development_preset({}, {}), "virtualenv") == "");
  }

  TEST_CASE("the log has colors on a terminal") {
    Environment environment;
    environment.colors = true;
    CHECK(value_of(development_preset(environment, {}), "access-log-format") == "{brief_color}");
  }

  TEST_CASE("what it cannot do is refused in words") {
    CHECK(refusal({"dev"}) ==
          "command line: appd dev needs the application: appd dev app:application");
    CHECK(refusal({"dev", "one", "two"}) ==
          "command line: appd dev serves one application, and \"two\" is a second one");
    CHECK(refusal({"dev", "app", "--preload"}) ==
          "command line: --preload: cannot be combined with appd dev");
    CHECK(refusal({"--http", "h:1", "--module", "m", "--watch", "/w"}) ==
          "command line: --watch: is for appd dev only");
    CHECK(refusal({"--http", "h:1", "--module", "m", "--open"}) ==
          "command line: --open: is for appd dev only");
  }
}

}  // namespace appd::config

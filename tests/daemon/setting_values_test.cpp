// Tests of settings that only the system can judge, and of the option that each refusal names.

#include "daemon/setting_values.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fakes/temporary_folder.hpp"
#include "runtime/config/config_error.hpp"

using namespace appd;
using config::Settings;

namespace {

/// "--socket: …" of the error; "" if there is none.
std::string refusal(const std::function<void()>& work) {
  try {
    work();
    return "";
  } catch (const config::ConfigError& error) {
    const std::string what = error.what();
    return what.substr(0, what.find(':'));
  }
}

constexpr const char* kNobody = "no-such-user-here";

}  // namespace

TEST_SUITE("setting values") {
  TEST_CASE("addresses are read in order") {
    Settings settings;
    settings.sockets = {"/run/app.sock", "127.0.0.1:8000"};
    const auto addresses = parse_addresses(settings);
    REQUIRE(addresses.size() == 2);
    CHECK(sockets::to_string(addresses[0].address) == "/run/app.sock");
    CHECK(sockets::to_string(addresses[1].address) == "127.0.0.1:8000");
    settings.sockets = {"127.0.0.1:port"};
    CHECK(refusal([&] { parse_addresses(settings); }) == "--socket");
  }

  TEST_CASE("an address is for fronts or for clients, not for both") {
    Settings settings;
    settings.sockets = {"/run/app.sock"};
    settings.http = {"127.0.0.1:8000"};
    auto addresses = parse_addresses(settings);
    REQUIRE(addresses.size() == 2);
    CHECK(addresses[0].caller == net::Caller::front);
    CHECK(addresses[1].caller == net::Caller::client);
    settings.proxy_protocol = true;
    addresses = parse_addresses(settings);
    CHECK(addresses[0].caller == net::Caller::front);
    CHECK(addresses[1].caller == net::Caller::proxied);
    settings.proxy_protocol = false;
    settings.http = {"127.0.0.1:8000", "unix:/run/app.sock"};
    CHECK(refusal([&] { parse_addresses(settings); }) == "--http");
    settings.http = {"127.0.0.1:port"};
    CHECK(refusal([&] { parse_addresses(settings); }) == "--http");
    settings.http = {};
    settings.protocol = config::ProtocolChoice::http;
    CHECK(parse_addresses(settings)[0].caller == net::Caller::client);
  }

  TEST_CASE("who may connect: networks with their origin, and users that exist") {
    Settings settings;
    CHECK(make_admission(settings).networks_by == "--allow");
    settings.allow_from_environment = true;
    CHECK(make_admission(settings).networks_by == "FCGI_WEB_SERVER_ADDRS");
    settings.allow_users = {"root"};
    CHECK(make_admission(settings).users == std::vector<uid_t>{0});
    settings.allow_users = {kNobody};
    CHECK(refusal([&] { make_admission(settings); }) == "--allow-user");
  }

  TEST_CASE("the access log: off, opened, or refused by its format or its file") {
    const test::TemporaryFolder folder;
    Settings settings;
    CHECK(open_access_log(settings, std::nullopt) == nullptr);
    settings.access_log = folder / "access.log";
    CHECK(open_access_log(settings, std::nullopt) != nullptr);
    settings.access_log = folder / "none" + "/access.log";
    CHECK(refusal([&] { open_access_log(settings, std::nullopt); }) == "--access-log");
    settings.access_log_format = "%{";
    CHECK(refusal([&] { open_access_log(settings, std::nullopt); }) == "--access-log-format");
    settings.access_log.clear();  // and the format is judged all the same
    CHECK(refusal([&] { open_access_log(settings, std::nullopt); }) == "--access-log-format");
  }

  TEST_CASE("the workers' account: none without --user, and each unknown name by its own option") {
    Settings settings;
    settings.group = kNobody;
    CHECK_FALSE(find_account(settings));
    settings.user = kNobody;
    CHECK(refusal([&] { find_account(settings); }) == "--group");
    settings.group.clear();
    CHECK(refusal([&] { find_account(settings); }) == "--user");
  }

  TEST_CASE("socket files are the workers' own unless the options say otherwise") {
    Settings settings;
    settings.socket_mode = 0600;
    CHECK(socket_file_options(settings, std::nullopt).owner.empty());
    CHECK(socket_file_options(settings, std::nullopt).account == nullptr);
    const std::optional<support::Account> account(support::Account{33, 34, {34}, "www", "/"});
    const auto own = socket_file_options(settings, account);
    CHECK(own.mode == 0600);
    CHECK(own.owner == "33");
    CHECK(own.group == "34");
    CHECK(own.account == &*account);
    settings.socket_owner = "root";
    settings.socket_group = "adm";
    CHECK(socket_file_options(settings, account).owner == "root");
    CHECK(socket_file_options(settings, account).group == "adm");
  }

  TEST_CASE("a relative spool folder is one of the application's directory") {
    Settings settings;
    settings.chdir = "/srv/site";
    settings.spool_dir = "spool";
    CHECK(spool_folder(settings) == "/srv/site/spool");
    settings.chdir = "";
    CHECK(spool_folder(settings) == (std::filesystem::current_path() / "spool").string());
  }

  TEST_CASE("a log level that is unknown is info, and no umask leaves the process's") {
    Settings settings;
    settings.log_level = "warning";
    CHECK(threshold(settings) == gateway::Level::warning);
    settings.log_level = "loud";
    CHECK(threshold(settings) == gateway::Level::info);
    const mode_t before = ::umask(0);
    settings.umask = 0137;
    set_umask(settings);
    settings.umask.reset();
    set_umask(settings);
    CHECK(::umask(before) == 0137);
  }
}

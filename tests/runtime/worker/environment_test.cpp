// Tests that each setting reaches server and Python.

#include "runtime/worker/environment.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "fakes/temporary_folder.hpp"
#include "runtime/files/written_file.hpp"

using namespace appd;
using namespace std::chrono_literals;

namespace {

struct Quota final : net::SpoolQuota {
  bool try_take(std::uint64_t) noexcept override { return true; }
  void give_back(std::uint64_t) noexcept override {}
};

}  // namespace

TEST_SUITE("environment") {
  // Each with a value that no other has, so that none can be in another's place.
  TEST_CASE("every setting of a server reaches its place") {
    config::Settings settings;
    settings.max_connections = 11;
    settings.max_params = 12;
    settings.max_body = 13;
    settings.body_buffer = 14;
    settings.header_timeout = 15ms;
    settings.body_timeout = 16ms;
    settings.write_timeout = 17ms;
    settings.spool_dir = "/spool";
    settings.spool_limit = 18;
    settings.mount = "/mount";
    Quota quota;
    const auto options = worker::make_server_options(settings, {}, &quota);
    CHECK(options.max_connections == 11);
    CHECK(options.decoder.max_params == 12);
    CHECK(options.max_body == 13);
    CHECK(options.body_buffer == 14);
    CHECK(options.header_timeout == 15ms);
    CHECK(options.body_timeout == 16ms);
    CHECK(options.write_timeout == 17ms);
    CHECK(options.spool_dir == "/spool");
    CHECK(options.spool_quota == &quota);
    CHECK(options.environ.mount == "/mount");
    settings.spool_limit = 0;
    CHECK(worker::make_server_options(settings, {}, &quota).spool_quota == nullptr);
  }

  TEST_CASE("each switch of a server turns its own thing on") {
    using Switch = bool config::Settings::*;
    const std::vector<std::pair<Switch, std::function<bool(const net::ServerOptions&)>>> rows{
        {&config::Settings::trust_script_name,
         [](const auto& options) { return options.environ.trust_script_name; }},
        {&config::Settings::trust_forwarded_proto,
         [](const auto& options) { return options.environ.trust_forwarded_proto; }},
        {&config::Settings::trust_uwsgi_scheme,
         [](const auto& options) { return options.environ.trust_uwsgi_scheme; }},
        {&config::Settings::drop_remote_user,
         [](const auto& options) { return options.environ.drop_remote_user; }},
        {&config::Settings::spool_bodies, [](const auto& options) { return options.spool_bodies; }},
        {&config::Settings::fastcgi_stderr,
         [](const auto& options) { return options.send_error_text; }},
    };
    for (const auto& [on, _] : rows) {
      config::Settings settings;
      for (const auto& row : rows) settings.*row.first = false;
      settings.*on = true;
      const auto options = worker::make_server_options(settings, {}, nullptr);
      for (const auto& [other, is_on] : rows) CHECK(is_on(options) == (other == on));
    }
  }

  TEST_CASE("what is to be asked before a worker serves reaches it") {
    config::Settings settings;
    settings.warmups = {{true, "example.org:1", "/a?b"}, {false, "", "/c"}};
    settings.warmup_accept = {{300, 399}};
    const auto warm_ups = worker::make_warm_ups(settings);
    REQUIRE(warm_ups.requests.size() == 2);
    CHECK(warm_ups.requests[0].text == "https://example.org:1/a?b");
    CHECK(warm_ups.requests[0].https);
    CHECK(warm_ups.requests[0].host == "example.org:1");
    CHECK(warm_ups.requests[0].target == "/a?b");
    CHECK(warm_ups.requests[1].text == "/c");
    CHECK_FALSE(warm_ups.requests[1].https);
    CHECK(warm_ups.requests[1].host.empty());
    REQUIRE(warm_ups.accepted.size() == 1);
    CHECK(warm_ups.accepted[0] == std::pair{300u, 399u});
  }

  TEST_CASE("folders of files are opened, and must be there") {
    test::TemporaryFolder folder;
    files::test::write(folder / "a.txt", "a");
    config::Settings settings;
    CHECK(worker::make_server_options(settings, {}, nullptr).static_files == nullptr);
    CHECK(worker::make_server_options(settings, {}, nullptr).internal_files == nullptr);
    settings.static_files = {{"/st", folder.path()}};
    settings.internal_files = {{"/in", folder.path() + "/."}};
    settings.static_index = "a.txt";
    settings.static_max_age = 90s;
    const auto options = worker::make_server_options(settings, {}, nullptr);
    files::FileRequest asked;
    asked.method = "GET";
    const auto index = options.static_files->answer("/st/", asked);
    CHECK(index->status == "200 OK");
    CHECK(index->fields.find("Cache-Control: max-age=90\r\n") != std::string::npos);
    CHECK(index->fields.find("Vary: Accept-Encoding\r\n") != std::string::npos);
    const auto& internal = *options.internal_files;
    CHECK(internal.answer("X-Accel-Redirect: /in/a.txt\r\n", asked)->problem.empty());
    const std::string by_path = "X-Sendfile: " + (folder / "a.txt") + "\r\n";
    CHECK(internal.answer(by_path, asked)->problem.empty());
    settings.static_files = {{"/st", folder / "none"}};
    CHECK_THROWS_AS(worker::make_server_options(settings, {}, nullptr), std::system_error);
  }

  TEST_CASE("a protocol can be pinned") {
    config::Settings settings;
    const auto pinned = [&](config::ProtocolChoice choice) {
      settings.protocol = choice;
      return worker::make_server_options(settings, {}, nullptr).pinned;
    };
    CHECK_FALSE(pinned(config::ProtocolChoice::automatic).has_value());
    CHECK(pinned(config::ProtocolChoice::fastcgi) == protocol::Wire::fastcgi);
    CHECK(pinned(config::ProtocolChoice::uwsgi) == protocol::Wire::uwsgi);
    CHECK(pinned(config::ProtocolChoice::scgi) == protocol::Wire::scgi);
  }

  TEST_CASE("each deadline reaches its place") {
    config::Settings settings;
    settings.slow_request = 21ms;
    settings.request_timeout = 22ms;
    settings.timeout_grace = 23ms;
    const auto limits = worker::make_deadline_limits(settings);
    CHECK(limits.slow == 21ms);
    CHECK(limits.request == 22ms);
    CHECK(limits.grace == 23ms);
  }

  TEST_CASE("Python hears what it is to run, and whether it is alone") {
    config::Settings settings;
    settings.module = "site:app";
    settings.pythonpath = {"/one", "/two"};
    settings.threads = 1;
    settings.workers = {1, 1};
    auto options = worker::make_python_options(settings, 7);
    CHECK(options.module == "site:app");
    CHECK(options.pythonpath == std::vector<std::string>{"/one", "/two"});
    CHECK(options.crash_descriptor == 7);
    CHECK_FALSE(options.multithread);
    CHECK_FALSE(options.multiprocess);
    settings.threads = 2;
    CHECK(worker::make_python_options(settings).multithread);
    settings.workers = {1, 2};  // there may be another
    CHECK(worker::make_python_options(settings).multiprocess);
  }
}

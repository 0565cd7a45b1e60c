// Tests of what appd dev makes of its addresses.

#include "daemon/development.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "fakes/temporary_folder.hpp"

using namespace appd;

namespace {

/// What a worker is told that serves these addresses.
launch::DevelopmentStart serving(std::vector<std::string> http,
                                 std::vector<std::string> sockets = {}) {
  const test::TemporaryFolder folder;
  config::Settings settings;
  settings.http = std::move(http);
  settings.sockets = std::move(sockets);
  settings.chdir = folder.path();
  return Development(settings, parse_addresses(settings)).start();
}

}  // namespace

TEST_SUITE("development") {
  TEST_CASE("a browser finds the first HTTP address") {
    struct Row {
      std::vector<std::string> http;
      const char* url;
    };
    const Row rows[] = {
        {{"127.0.0.1:8000"}, "http://127.0.0.1:8000/"},
        {{"localhost:8000", "127.0.0.1:8001"}, "http://localhost:8000/"},
        {{"./app.sock", "[::1]:8000"}, "http://[::1]:8000/"},
        {{"0.0.0.0:8000"}, "http://127.0.0.1:8000/"},
        {{"*:8000"}, "http://127.0.0.1:8000/"},
        {{"[::]:8000"}, "http://[::1]:8000/"},
        {{"./app.sock"}, ""},
    };
    for (const auto& [http, url] : rows) CHECK(serving(http).url == url);
    CHECK(serving({}, {"127.0.0.1:9000"}).url == "");
  }

  TEST_CASE("error pages are shown where nobody else can connect") {
    for (const char* address :
         {"127.0.0.1:1", "127.8.9.10:1", "localhost:1", "[::1]:1", "./a.sock"}) {
      CAPTURE(address);
      CHECK(serving({address}).pages);
      CHECK(serving({"127.0.0.1:2"}, {address}).pages);
    }
    for (const char* address :
         {"0.0.0.0:1", "*:1", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1", "host.example:1",
          "127.host.example:1", "localhost.example:1", "systemd:web"}) {
      CAPTURE(address);
      CHECK_FALSE(serving({address}).pages);
      CHECK_FALSE(serving({"127.0.0.1:2", address}).pages);
      CHECK_FALSE(serving({"127.0.0.1:2"}, {address}).pages);
    }
  }
}

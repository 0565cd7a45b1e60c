// Tests of appd_load's command line.

#include "bench/load/options.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

namespace appd::load {
namespace {

using namespace std::chrono_literals;

/// As the shell would split `line`.
std::optional<Options> parse(const std::string& line) {
  std::istringstream stream("appd_load " + line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

std::string complaint(const std::string& line) {
  try {
    parse(line);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

const std::string kShortest = "--wire uwsgi --address /run/a.sock ";

}  // namespace

TEST_SUITE("options") {
  TEST_CASE("what is not given has its default") {
    const Options options = parse(kShortest + "--requests 7").value();
    CHECK(options.wire == Wire::uwsgi);
    CHECK(options.address == "/run/a.sock");
    CHECK(options.requests == 7U);
    CHECK_FALSE(options.duration);
    CHECK(options.warm_up == 0ns);
    CHECK(options.kind.connections == 16);
    CHECK(options.kind.request.method == "GET");
    CHECK(options.kind.request.body == 0);
    CHECK(options.kind.status == 200);
    CHECK_FALSE(options.kind.length);
    CHECK_FALSE(options.beside);
    CHECK(options.idle_connections == 0);
    CHECK_FALSE(options.server);
  }

  TEST_CASE("everything can be given") {
    const Options options =
        parse(
            "--wire http-closed --address localhost:80 --connections 3 --seconds 1.5 --warm-up "
            "0.25 "
            "--path /a?b=c --method POST --body 10 --status 404 --length 0 --beside /slow,2,9 "
            "--idle 5000 --server-pid 42")
            .value();
    CHECK(options.wire == Wire::http_closed);
    CHECK(options.address == "localhost:80");
    CHECK(options.kind.connections == 3);
    CHECK_FALSE(options.requests);
    CHECK(options.duration == 1500ms);
    CHECK(options.warm_up == 250ms);
    CHECK(options.kind.request.path == "/a?b=c");
    CHECK(options.kind.request.method == "POST");
    CHECK(options.kind.request.body == 10);
    CHECK(options.kind.status == 404);
    CHECK(options.kind.length == 0U);
    REQUIRE(options.beside);
    CHECK(options.beside->request.path == "/slow");
    CHECK(options.beside->connections == 2);
    CHECK(options.beside->length == 9U);
    CHECK(options.idle_connections == 5000);
    CHECK(options.server == 42);
  }

  TEST_CASE("every wire has its name") {
    const std::pair<std::string, Wire> names[] = {{"fastcgi-kept", Wire::fastcgi_kept},
                                                  {"fastcgi", Wire::fastcgi},
                                                  {"uwsgi", Wire::uwsgi},
                                                  {"scgi", Wire::scgi},
                                                  {"http", Wire::http},
                                                  {"http-closed", Wire::http_closed}};
    for (const auto& [name, wire] : names) {
      CHECK(parse("--address a --requests 1 --wire " + name).value().wire == wire);
      CHECK(keeps_connections(wire) == (name == "fastcgi-kept" || name == "http"));
    }
  }

  TEST_CASE("what makes no sense is refused") {
    CHECK(complaint("--requests 1 --address a") == "--wire is needed");
    CHECK(complaint("--requests 1 --wire scgi") == "--address is needed");
    CHECK(complaint("--requests 1 --address a --wire spdy") == "--wire: \"spdy\" is not known");
    CHECK(complaint(kShortest) == "either --requests or --seconds is needed");
    CHECK(complaint(kShortest + "--requests 1 --seconds 1") ==
          "either --requests or --seconds is needed");
    CHECK(complaint(kShortest + "--requests x1") == "--requests: \"x1\" is not a number that fits");
    CHECK(complaint(kShortest + "--seconds 1s") == "--seconds: \"1s\" is not a number that fits");
    CHECK(complaint(kShortest + "--seconds -1") == "--seconds: \"-1\" is not a number that fits");
    CHECK(complaint(kShortest + "--seconds nan") == "--seconds: more than a day");
    CHECK(complaint(kShortest + "--requests 1 --beside /slow,1") ==
          "--beside wants PATH,CONNECTIONS,LENGTH");
    CHECK(complaint(kShortest + "--requests 1 --beside /slow,one,2") ==
          "--beside: \"one\" is not a number that fits");
    CHECK(complaint(kShortest + "--requests 0") ==
          "at least one connection and one request are needed");
    CHECK(complaint(kShortest + "--requests 1 --connections 0") ==
          "at least one connection and one request are needed");
    CHECK(complaint(kShortest + "--requests 1 --unknown 1") != "");
    CHECK(complaint(kShortest + "--requests 1 stray") != "");
    CHECK(complaint(kShortest + "--request 1") != "");
  }
}

}  // namespace appd::load

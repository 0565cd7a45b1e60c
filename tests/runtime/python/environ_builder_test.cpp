// Tests of environ dicts, fresh ones and ones made from patterns.

#include <doctest/doctest.h>

#include <map>
#include <random>

#include "python_host.hpp"

TEST_SUITE_BEGIN("environ builder");

using namespace appd;
using namespace appd::test;

namespace {

/// The repr of a Python expression over `environ`.
std::string value_of(std::string_view expression, const fakes::Variables& more = {}) {
  const std::string source =
      "def application(environ, start_response):\n"
      "    return respond(start_response, repr((" +
      std::string(expression) + ")))\n";
  return host().body_of(source, with(get_variables(), more));
}

}  // namespace

TEST_CASE("environ is exactly a dict, and fresh for each request") {
  CHECK(value_of("type(environ) is dict") == "True");
  CHECK(value_of("environ.setdefault('test.mark', 1) and len(environ)") ==
        value_of("environ.setdefault('test.mark', 1) and len(environ)"));
}

TEST_CASE("variables are there with their values, and no others but those of WSGI and appd") {
  CHECK(value_of("environ['REQUEST_METHOD'], environ['PATH_INFO'], environ['QUERY_STRING']") ==
        "('GET', '/path', 'a=1')");
  CHECK(value_of("sorted(key for key in environ if '.' not in key)") ==
        "['HTTP_HOST', 'HTTP_USER_AGENT', 'PATH_INFO', 'QUERY_STRING', 'REMOTE_ADDR', "
        "'REQUEST_METHOD', 'REQUEST_URI', 'SCRIPT_NAME', 'SERVER_NAME', 'SERVER_PORT', "
        "'SERVER_PROTOCOL']");
  CHECK(value_of("sorted(key for key in environ if '.' in key)") ==
        "['appd.client_disconnected', 'appd.version', 'wsgi.errors', 'wsgi.file_wrapper', "
        "'wsgi.input', 'wsgi.multiprocess', 'wsgi.multithread', "
        "'wsgi.run_once', 'wsgi.url_scheme', 'wsgi.version']");
}

TEST_CASE("keys and values of the CGI part are str of the bytes as latin-1") {
  CHECK(value_of("environ['HTTP_X_BYTES']", {{"HTTP_X_BYTES", "caf\xe9 \xc3\xa9 \xff"}}) ==
        "'caf\xc3\xa9 \xc3\x83\xc2\xa9 \xc3\xbf'");
  CHECK(value_of("all(type(k) is str and type(v) is str and max(map(ord, k + v)) < 256 "
                 "for k, v in environ.items() if '.' not in k)",
                 {{"HTTP_X_BYTES", "\xff"}}) == "True");
}

TEST_CASE("the constants of WSGI") {
  CHECK(value_of("environ['wsgi.version']") == "(1, 0)");
  CHECK(value_of("type(environ['wsgi.version']) is tuple") == "True");
  CHECK(value_of("environ['wsgi.url_scheme']") == "'http'");
  CHECK(value_of("environ['wsgi.url_scheme']", {{"HTTPS", "on"}}) == "'https'");
  CHECK(value_of("environ['wsgi.url_scheme']") == "'http'");
  CHECK(value_of("environ['wsgi.multithread'] is True") == "True");
  CHECK(value_of("environ['wsgi.multiprocess'] is False") == "True");
  CHECK(value_of("environ['wsgi.run_once'] is False") == "True");
}

TEST_CASE("a value that changes from request to request is never the last one's") {
  for (int i = 0; i < 50; ++i) {
    const std::string value = "/page/" + std::to_string(i / 2);
    CHECK(value_of("environ['HTTP_REFERER']", {{"HTTP_REFERER", value}}) == "'" + value + "'");
  }
  CHECK(value_of("'HTTP_REFERER' in environ") == "False");
}

TEST_CASE("long names and long values, which are not kept, are there as well") {
  const std::string name = "HTTP_X_" + std::string(100, 'N');
  const std::string value(5000, 'v');
  CHECK(value_of("environ['" + name + "']", {{name, "short"}}) == "'short'");
  CHECK(value_of("environ['HTTP_X_LONG']", {{"HTTP_X_LONG", value}}) == "'" + value + "'");
  CHECK(value_of("environ['HTTP_X_LONG']", {{"HTTP_X_LONG", "short"}}) == "'short'");
}

TEST_CASE("requests that differ a little from the last one get their own variables") {
  const std::vector<std::string> values{"", "1", "2", std::string(300, 'v')};
  std::mt19937 random(11);
  fakes::Variables sent;
  for (int round = 0; round < 500; ++round) {
    const std::string name = "HTTP_X_" + std::string(1 + random() % 9, 'N') +
                             (random() % 20 == 0 ? std::string(80, 'L') : "");
    std::erase_if(sent, [&](const auto& variable) { return variable.first == name; });
    if (random() % 3 > 0) sent.emplace_back(name, values[random() % values.size()]);
    if (!sent.empty()) sent[random() % sent.size()].second = values[random() % values.size()];
    std::map<std::string, std::string> sorted(sent.begin(), sent.end());
    std::string expected;
    for (const auto& [key, value] : sorted) expected.append(key).append("=").append(value + ";");
    REQUIRE(value_of("''.join(f'{k}={v};' for k, v in sorted(environ.items())"
                     " if k.startswith('HTTP_X_'))",
                     sent) == "'" + expected + "'");
  }
}

TEST_CASE("what an application does to its environ stays there") {
  const auto tamper = [](std::string_view key) {
    return value_of("environ.__setitem__('" + std::string(key) +
                    "', 'tampered'), environ.pop('QUERY_STRING')");
  };
  for (const char* key : {"REQUEST_METHOD", "wsgi.url_scheme", "HTTP_X_NEW"}) {
    CAPTURE(key);
    const std::string before = value_of("environ.get('" + std::string(key) + "')");
    tamper(key);
    CHECK(value_of("environ.get('" + std::string(key) + "')") == before);
    CHECK(value_of("environ['QUERY_STRING']") == "'a=1'");
  }
}

TEST_CASE("more names than the cache has places for, twice over") {
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 30; ++i) {
      fakes::Variables variables;
      for (int k = 0; k < 100; ++k)
        variables.emplace_back("HTTP_X_" + std::to_string(i) + "_" + std::to_string(k),
                               std::to_string(k));
      CHECK(value_of("sum(int(v) for k, v in environ.items() if k.startswith('HTTP_X_'))",
                     variables) == "4950");
    }
}

TEST_CASE("names that share their first and last eight bytes are told apart") {
  CHECK(value_of("environ['HTTP_X_A_MIDDLE_SAME_END'] + environ['HTTP_X_A_MUDDLE_SAME_END']",
                 {{"HTTP_X_A_MIDDLE_SAME_END", "1"}, {"HTTP_X_A_MUDDLE_SAME_END", "2"}}) == "'12'");
}

TEST_SUITE_END();

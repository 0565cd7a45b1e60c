// Tests of access log formats and their escaping.

#include "runtime/logging/access_format.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace appd::logging;
using appd::gateway::AccessRecord;
using namespace std::chrono_literals;

namespace {

const std::chrono::system_clock::time_point kNow{1'795'167'086'123ms};

AccessRecord make_record() {
  AccessRecord record;
  record.remote_address = "192.0.2.7";
  record.remote_user = "ada";
  record.method = "GET";
  record.uri = "/a?b=c";
  record.protocol = "HTTP/1.1";
  record.host = "example.org";
  record.referer = "https://example.org/";
  record.user_agent = "curl/7.88";
  record.status = 200;
  record.body_bytes = 5'000'000'000;
  record.queued = 41'999ns;
  record.running = 1'234'567'890ns;
  return record;
}

std::string render(std::string_view format, const AccessRecord& record = make_record()) {
  Line line;
  AccessFormat(format).append(line, record, kNow);
  return fmt::to_string(line);
}

std::string refusal(std::string_view format) {
  try {
    const AccessFormat made(format);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_SUITE("access format") {
  TEST_CASE("the default is the combined format with queue and application time apart") {
    CHECK(render(kDefaultAccessFormat) ==
          R"(192.0.2.7 ada [20/Nov/2026:09:31:26 +0000] "GET /a?b=c HTTP/1.1" 200 5000000000 )"
          R"("https://example.org/" "curl/7.88" queue=0.041 app=1234.567)");
  }

  TEST_CASE("a word stays one, and a name that says nothing is none") {
    AccessRecord record = make_record();
    record.remote_user = "ada - [\" x";
    record.remote_address = "a b";
    record.method = "GET /x";
    record.uri = "/a b HTTP/1.1";
    record.protocol = "HTTP 1";
    record.host = " ";
    record.user_agent = "one two";
    CHECK(render("{user}", record) == R"(ada\x20-\x20[\x22\x20x)");
    CHECK(render("{remote}", record) == R"(a\x20b)");
    CHECK(render("{host}", record) == R"(\x20)");
    CHECK(render(R"("{method} {uri} {protocol}")", record) ==
          R"("GET\x20/x /a\x20b\x20HTTP/1.1 HTTP\x201")");
    CHECK(render(R"("{agent}" {agent} "x {agent}")", record) ==
          R"("one two" one\x20two "x one two")");
    record.remote_user = "-";
    CHECK(render("{user}", record) == R"(\x2d)");
    record.remote_user = "";
    CHECK(render("{user}", record) == "-");
  }

  TEST_CASE("each placeholder gives its value") {
    CHECK(render("{host}") == "example.org");
    CHECK(render("{time_iso}") == "2026-11-20T09:31:26.123Z");
    CHECK(render("{status}{status}") == "200200");
    CHECK(render("no placeholder") == "no placeholder");
    CHECK(render("") == "");
  }

  TEST_CASE("doubled braces are braces") {
    CHECK(render(R"({{"status": {status}}})") == R"({"status": 200})");
  }

  TEST_CASE("what is empty is a dash") {
    CHECK(render("{remote} {user} {method} {uri} {protocol} {host} {referer} {agent}",
                 AccessRecord{}) == "- - - - - - - -");
  }

  TEST_CASE("no value forges a line or ends a quotation") {
    AccessRecord record = make_record();
    record.user_agent = "x\" 200\n192.0.2.1 - -";
    CHECK(render("\"{agent}\"", record) == "\"x\\x22 200\\x0a192.0.2.1 - -\"");
  }

  TEST_CASE("an unknown placeholder is refused by name, with those that are known") {
    CHECK(refusal("{method} {urn}") ==
          "access log format: unknown placeholder {urn}; known are {remote}, {user}, {method}, "
          "{uri}, {protocol}, {host}, {referer}, {agent}, {status}, {bytes}, {queue_ms}, {app_ms}, "
          "{time}, {time_iso}, {brief}, {brief_color}");
    CHECK(refusal("{}").find("unknown placeholder {};") != std::string::npos);
  }

  TEST_CASE("an unmatched brace is refused") {
    CHECK(refusal("{method").find("unmatched '{' (write '{{'") != std::string::npos);
    CHECK(refusal("method}").find("unmatched '}' (write '}}'") != std::string::npos);
    CHECK(refusal("{").find("unmatched '{'") != std::string::npos);
  }
}

// Tests of the access log's line for a person.

#include "runtime/logging/brief_line.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace appd;
using namespace std::chrono_literals;
using gateway::AccessRecord;

namespace {

AccessRecord make_record() {
  AccessRecord record;
  record.method = "GET";
  record.uri = "/a?b=c";
  record.status = 200;
  record.body_bytes = 12;
  record.running = 1500us;
  return record;
}

using Append = void (*)(logging::Line&, const AccessRecord&, std::chrono::system_clock::time_point);

/// Without the time, which is local.
std::string render(const AccessRecord& record, Append append = logging::append_brief) {
  logging::Line line;
  append(line, record, std::chrono::system_clock::time_point(90s));
  const std::string text = fmt::to_string(line);
  REQUIRE(text.size() > 9);
  CHECK(text[2] == ':');
  CHECK(text.substr(5, 4) == ":30 ");
  return text.substr(9);
}

}  // namespace

TEST_SUITE("brief line") {
  TEST_CASE("it says what was asked, and what came of it") {
    CHECK(render(make_record()) == "200 GET /a?b=c  1.5 ms, 12 B");
    CHECK(render(AccessRecord{}) == "0 - -  0.0 ms, 0 B");
  }

  TEST_CASE("units fit the numbers") {
    AccessRecord record = make_record();
    record.running = 1s;
    record.queued = 234ms;
    record.body_bytes = 1536;
    CHECK(render(record) == "200 GET /a?b=c  1234 ms, 1.5 KiB");
    record.running = 61s;
    record.body_bytes = std::uint64_t{5} << 30;
    CHECK(render(record) == "200 GET /a?b=c  61 s, 5.0 GiB");
  }

  TEST_CASE("a status has the color of its class") {
    AccessRecord record = make_record();
    const auto colored = [&record](unsigned status) {
      record.status = status;
      return render(record, logging::append_brief_color).substr(0, 13);
    };
    CHECK(colored(204) == "\x1b[32m204\x1b[0m ");
    CHECK(colored(302) == "\x1b[36m302\x1b[0m ");
    CHECK(colored(404) == "\x1b[33m404\x1b[0m ");
    CHECK(colored(599) == "\x1b[31m599\x1b[0m ");
    CHECK(colored(999).starts_with("999 GET"));
  }

  TEST_CASE("no request controls the terminal") {
    AccessRecord record = make_record();
    record.uri = "/\x1b[31m\n";
    CHECK(render(record) == "200 GET /\\x1b[31m\\x0a  1.5 ms, 12 B");
  }
}

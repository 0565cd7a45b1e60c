// Tests of framed responses, whole and broken off.

#include "protocol/response_framer.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

#include "protocol/gathered.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

std::string framed(const ResponseFramer& framer, std::string_view head,
                   std::initializer_list<std::string_view> body, bool last) {
  Gather out;
  framer.frame(head, {body.begin(), body.size()}, last, out);
  CHECK_EQ(out.size(), joined(out).size());
  return joined(out);
}

std::string stdout_of(unsigned id, std::string_view content) {
  return record(6, id, content);
}

TEST_SUITE("response framer") {
  const ResponseFramer fastcgi(Wire::fastcgi, 0x0103);
  const ResponseFramer uwsgi(Wire::uwsgi, 0);
  const ResponseFramer scgi(Wire::scgi, 0);

  TEST_CASE("the head has the form that its wire's fronts take") {
    const gateway::ResponseHead head{
        "404 Not Found", "Content-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"};
    const std::string rest =
        "404 Not Found\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n";
    std::string out = "what was there before";
    ResponseFramer(fastcgi).write_head(head, {}, out);
    CHECK_EQ(out, "Status: " + rest);
    ResponseFramer(scgi).write_head(head, {}, out);
    CHECK_EQ(out, "Status: " + rest);
    ResponseFramer(uwsgi).write_head(head, {}, out);
    CHECK_EQ(out, "HTTP/1.1 " + rest);
  }

  TEST_CASE("a small response is one record and its end") {
    CHECK_EQ(framed(fastcgi, "head", {"bo", "", "dy"}, true),
             stdout_of(0x0103, "headbody") + stdout_of(0x0103, "") + end_request(0x0103, 0));
    Gather out;
    const std::string_view body[] = {"body"};
    fastcgi.frame("head", body, true, out);
    CHECK_EQ(out.parts().size(), 4);  // record header, head, body, the response's end
  }

  TEST_CASE("a response in parts never has an empty record before its end") {
    CHECK_EQ(framed(fastcgi, "head", {}, false), stdout_of(0x0103, "head"));
    CHECK_EQ(framed(fastcgi, "", {}, false), "");
    CHECK_EQ(framed(fastcgi, "", {"", ""}, false), "");
    CHECK_EQ(framed(fastcgi, "", {"part"}, false), stdout_of(0x0103, "part"));
    CHECK_EQ(framed(fastcgi, "", {}, true), stdout_of(0x0103, "") + end_request(0x0103, 0));
    CHECK_EQ(framed(fastcgi, "head", {}, true),
             stdout_of(0x0103, "head") + stdout_of(0x0103, "") + end_request(0x0103, 0));
  }

  TEST_CASE("long bodies are cut into full records, across their pieces") {
    constexpr auto kMax = ResponseFramer::kMaxRecord;
    const std::string a(40000, 'a'), b(40000, 'b'), c(60000, 'c');
    const auto all = "head" + a + b + c;
    CHECK_EQ(framed(fastcgi, "head", {a, b, c}, false),
             stdout_of(0x0103, all.substr(0, kMax)) + stdout_of(0x0103, all.substr(kMax, kMax)) +
                 stdout_of(0x0103, all.substr(2 * kMax)));
    const std::string exact(kMax, 'x');
    CHECK_EQ(framed(fastcgi, "", {exact}, false), stdout_of(0x0103, exact));
    CHECK_EQ(framed(fastcgi, exact, {"b"}, false),
             stdout_of(0x0103, exact) + stdout_of(0x0103, "b"));
  }

  TEST_CASE("uwsgi and SCGI responses are plain bytes") {
    for (const auto* framer : {&uwsgi, &scgi}) {
      CHECK_EQ(framed(*framer, "head", {"bo", "", "dy"}, true), "headbody");
      CHECK_EQ(framed(*framer, "", {}, true), "");
      Gather out;
      framer->frame_error_text("text", true, out);
      for (const auto how :
           {Break::close, Break::end_request, Break::corrupt, Break::end_and_keep}) {
        framer->frame_break(how, out);
      }
      CHECK_EQ(out.size(), 0);
    }
  }

  TEST_CASE("HTTP: a head, and a body with its length, in chunks or until the end") {
    const HttpHeadFacts keeps{.keeps_connection = true, .date = "today"};
    const HttpHeadFacts ends{.date = "today"};
    HttpHeadFacts to_head = keeps;
    to_head.to_head = true;
    const gateway::ResponseHead known{"200 OK", "Content-Length: 4\r\n", true};
    const gateway::ResponseHead unknown{"200 OK", "A: b\r\n"};
    const gateway::ResponseHead dated{"200 OK", "A: b\r\nDATE: then\r\n"};
    const gateway::ResponseHead unmodified{"304 Not Modified", ""};
    const std::string date = "Date: today\r\n";
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    const std::string close = "Connection: close\r\n";
    const struct {
      const char* name;
      const gateway::ResponseHead& head;
      const HttpHeadFacts& facts;
      bool old;
      std::string fields;
      std::string body;
      bool stays;
      bool shows_its_end;
    } rows[] = {
        {"a length", known, keeps, false, "Content-Length: 4\r\n" + date, "body", true, true},
        {"the last", known, ends, false, "Content-Length: 4\r\n" + date + close, "body", false,
         true},
        {"no length", unknown, keeps, false, "A: b\r\n" + date + chunked, "4\r\nbody\r\n0\r\n\r\n",
         true, true},
        {"no length, HTTP/1.0", unknown, keeps, true, "A: b\r\n" + date + close, "body", false,
         false},
        {"a length, HTTP/1.0", known, keeps, true,
         "Content-Length: 4\r\n" + date + "Connection: keep-alive\r\n", "body", true, true},
        {"a date", dated, keeps, false, "A: b\r\nDATE: then\r\n" + chunked,
         "4\r\nbody\r\n0\r\n\r\n", true, true},
        {"HEAD", unknown, to_head, false, "A: b\r\n" + date, "", true, true},
        {"a status without a body", unmodified, keeps, false, date, "", true, true},
    };
    for (const auto& row : rows) {
      CAPTURE(row.name);
      ResponseFramer framer(Wire::http, 0, {.old_version = row.old});
      std::string head;
      framer.write_head(row.head, row.facts, head);
      CHECK_EQ(head, "HTTP/1.1 " + std::string(row.head.status) + "\r\n" + row.fields + "\r\n");
      const bool has_body = !row.body.empty();
      CHECK_EQ(framed(framer, head, {has_body ? "bo" : "", "", has_body ? "dy" : ""}, true),
               head + row.body);
      CHECK_EQ(framer.keeps_connection(), row.stays);
      CHECK_EQ(framer.shows_its_end(), row.shows_its_end);
    }
  }

  TEST_CASE("HTTP: no bytes are no chunk") {
    ResponseFramer framer(Wire::http, 0);
    std::string head;
    framer.write_head({"200 OK", ""}, {.keeps_connection = true}, head);
    CHECK_EQ(framed(framer, "", {}, false), "");
    CHECK_EQ(framed(framer, "", {""}, false), "");
    CHECK_EQ(framed(framer, "", {"x"}, false), "1\r\nx\r\n");
    CHECK_EQ(framed(framer, "", {std::string(300, 'x')}, false),
             "12c\r\n" + std::string(300, 'x') + "\r\n");
    CHECK_EQ(framed(framer, "", {}, true), "0\r\n\r\n");
  }

  TEST_CASE("text for the front's error log is a stream of its own") {
    Gather out;
    fastcgi.frame_error_text("oops", false, out);
    CHECK_EQ(joined(out), record(7, 0x0103, "oops"));
    out.clear();
    fastcgi.frame_error_text("", true, out);
    CHECK_EQ(joined(out), record(7, 0x0103, ""));
    out.clear();
    const std::string lines(70000, 'e');
    fastcgi.frame_error_text(lines, true, out);
    CHECK_EQ(joined(out), record(7, 0x0103, lines.substr(0, ResponseFramer::kMaxRecord)) +
                              record(7, 0x0103, lines.substr(ResponseFramer::kMaxRecord)) +
                              record(7, 0x0103, ""));
  }

  TEST_CASE("a response is broken off as its front shows it") {
    const auto broken = [&](Break how) {
      Gather out;
      fastcgi.frame_break(how, out);
      return joined(out);
    };
    CHECK_EQ(broken(Break::close), "");
    CHECK_EQ(broken(Break::end_request), end_request(0x0103, 0));
    CHECK_EQ(broken(Break::end_and_keep), end_request(0x0103, 0));
    CHECK_EQ(broken(Break::corrupt), bytes({0, 6, 1, 3, 0, 0, 0, 0}));
  }

  TEST_CASE("which break: by wire, front, announced length and other requests") {
    using gateway::Front;
    constexpr auto kFastcgi = Wire::fastcgi;
    CHECK_EQ(choose_break(kFastcgi, Front::nginx, true, false), Break::end_request);
    CHECK_EQ(choose_break(kFastcgi, Front::nginx, false, false), Break::corrupt);
    for (const auto front :
         {Front::apache, Front::lighttpd, Front::haproxy, Front::caddy, Front::other}) {
      for (const bool announced : {false, true}) {
        CHECK_EQ(choose_break(kFastcgi, front, announced, false), Break::close);
      }
    }
    CHECK_EQ(choose_break(kFastcgi, Front::haproxy, true, true), Break::end_and_keep);
    CHECK_EQ(choose_break(kFastcgi, Front::haproxy, false, true), Break::close);
    for (const auto wire : {Wire::uwsgi, Wire::scgi}) {
      CHECK_EQ(choose_break(wire, Front::nginx, true, true), Break::close);
      CHECK_EQ(choose_break(wire, Front::nginx, false, false), Break::close);
    }
  }
}

}  // namespace
}  // namespace appd::protocol

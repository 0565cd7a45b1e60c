// Tests of the length of a request's body.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/gateway/prepared_request.hpp"

namespace appd::gateway {

using namespace test;

TEST_SUITE_BEGIN("request");

TEST_CASE("the length of the body is what the front says, in its way") {
  constexpr auto kUnknown = ~std::uint64_t{0};
  struct Row {
    const char* what;
    std::string_view base;
    const char* more;
    BodyEnd body_end;
    std::uint64_t length;
    const char* environ;  // "" means absent
  };
  const Row rows[] = {
      {"nginx GET", kGet, "CONTENT_LENGTH=\n", BodyEnd::on_wire, 0, ""},
      {"Apache GET", kGet, "", BodyEnd::on_wire, 0, ""},
      {"HEAD", "REQUEST_METHOD=HEAD\n", "", BodyEnd::on_wire, 0, ""},
      {"lighttpd GET", kGet, "CONTENT_LENGTH=0\n", BodyEnd::on_wire, 0, "0"},
      {"POST", kPost, "CONTENT_LENGTH=11\n", BodyEnd::on_wire, 11, "11"},
      {"POST over uwsgi", kPost, "CONTENT_LENGTH=11\n", BodyEnd::by_length, 11, "11"},
      {"nginx buffered chunked", kPost, "CONTENT_LENGTH=11\nHTTP_TRANSFER_ENCODING=chunked\n",
       BodyEnd::on_wire, 11, "11"},
      {"nginx unbuffered chunked", kPost, "CONTENT_LENGTH=\nHTTP_TRANSFER_ENCODING=chunked\n",
       BodyEnd::on_wire, kUnknown, ""},
      {"Apache chunked", kPost, "HTTP_TRANSFER_ENCODING=chunked\n", BodyEnd::on_wire, kUnknown, ""},
      {"chunked GET", kGet, "HTTP_TRANSFER_ENCODING=chunked\n", BodyEnd::on_wire, kUnknown, ""},
      {"HTTP/2 without length", kPost, "CONTENT_LENGTH=\n", BodyEnd::on_wire, kUnknown, ""},
      {"Caddy chunked", kPost, "CONTENT_LENGTH=-1\n", BodyEnd::on_wire, kUnknown, ""},
      {"uwsgi without length", kPost, "", BodyEnd::by_length, 0, ""},
      {"uwsgi, chunked says nothing", kPost, "CONTENT_LENGTH=\nHTTP_TRANSFER_ENCODING=chunked\n",
       BodyEnd::by_length, 0, ""},
      {"as much as can be", kPost, "CONTENT_LENGTH=9223372036854775807\n", BodyEnd::on_wire,
       (std::uint64_t{1} << 63) - 1, "9223372036854775807"},
      {"4 EiB", kPost, "CONTENT_LENGTH=4611686018427387904\n", BodyEnd::on_wire,
       std::uint64_t{1} << 62, "4611686018427387904"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Prepared got(row.base, row.more, {}, row.body_end);
    REQUIRE_FALSE(got.refusal);
    CHECK(got.request.content_length().value_or(kUnknown) == row.length);
    CHECK(has(got.request, "CONTENT_LENGTH") == (row.environ[0] != '\0'));
    CHECK(got["CONTENT_LENGTH"] == row.environ);
  }
}

TEST_CASE("a length that is no number of bytes is refused") {
  for (const char* length :
       {"-2", "abc", "1 ", " 1", "+1", "0x10", "1.0", "9223372036854775808", "18446744073709551614",
        "18446744073709551615", "18446744073709551616"}) {
    CAPTURE(length);
    const Prepared got(kPost, with(with("CONTENT_LENGTH=", length), "\n"));
    REQUIRE(got.refusal);
    CHECK(got.refusal->status == 400);
    CHECK(got.refusal->reason == "CONTENT_LENGTH is not a number of bytes");
  }
  CHECK(Prepared(kPost, "CONTENT_LENGTH=-1\n", {}, BodyEnd::by_length).refusal);
}

TEST_CASE("a short CONTENT_LENGTH is mended by the front's word alone") {
  const Prepared mended(
      kPost, "CONTENT_LENGTH=5\nSCGI=1\nAPPD_CONTENT_LENGTH=12\nHTTP_CONTENT_LENGTH=99\n", {},
      BodyEnd::by_length);
  REQUIRE_FALSE(mended.refusal);
  CHECK(mended.request.content_length() == 12);
  CHECK(mended["CONTENT_LENGTH"] == "12");
  CHECK_FALSE(has(mended.request, "APPD_CONTENT_LENGTH"));

  struct Row {
    const char* what;
    const char* sent;
    BodyEnd body_end;
  };
  const Row rows[] = {
      {"less", "CONTENT_LENGTH=5\nSCGI=1\nAPPD_CONTENT_LENGTH=4\n", BodyEnd::by_length},
      {"chunked", "CONTENT_LENGTH=5\nSCGI=1\nAPPD_CONTENT_LENGTH=\n", BodyEnd::by_length},
      {"a client's", "CONTENT_LENGTH=5\nSCGI=1\nHTTP_APPD_CONTENT_LENGTH=12\n", BodyEnd::by_length},
      {"FastCGI, whose records end a body", "CONTENT_LENGTH=5\nAPPD_CONTENT_LENGTH=12\n",
       BodyEnd::on_wire},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Prepared got(kPost, row.sent, {}, row.body_end);
    REQUIRE_FALSE(got.refusal);
    CHECK(got.request.content_length() == 5);
    CHECK(got["CONTENT_LENGTH"] == "5");
  }
  CHECK(Prepared(kPost, "CONTENT_LENGTH=5\nSCGI=1\nAPPD_CONTENT_LENGTH=x\n", {}, BodyEnd::by_length)
            .refusal);
}

TEST_CASE("what a client says of the length is never waited for, whatever the front is called") {
  for (const char* front : {"", "SERVER_SOFTWARE=web\n", "SERVER_SOFTWARE=nginx/1.22.1\n",
                            "SERVER_SOFTWARE=lighttpd/1.4.69\n", "SERVER_SOFTWARE=Caddy/2.6.2\n"}) {
    CAPTURE(front);
    const auto prepared = [&](const char* sent, BodyEnd body_end) {
      return std::make_unique<Prepared>(kPost, with(front, sent), EnvironPolicy{}, body_end);
    };
    // Over SCGI this may be nginx's bug: a body that is cut must not pass for a whole one.
    for (const char* sent :
         {"CONTENT_LENGTH=5\nSCGI=1\nHTTP_CONTENT_LENGTH=12\n",
          "CONTENT_LENGTH=5\nSCGI=1\nHTTP_CONTENT_LENGTH=12\nHTTP_CONTENT_LENGTH=5\n",
          "CONTENT_LENGTH=5\nSCGI=1\nHTTP_CONTENT_LENGTH=5\nHTTP_CONTENT_LENGTH=12\n",
          "CONTENT_LENGTH=5\nSCGI=1\nHTTP_CONTENT_LENGTH=12\nHTTP_TRANSFER_ENCODING=chunked\n"}) {
      CAPTURE(sent);
      const auto refused = prepared(sent, BodyEnd::by_length);
      REQUIRE(refused->refusal);
      CHECK(refused->refusal->status == 400);
      CHECK(refused->refusal->reason.find("APPD_CONTENT_LENGTH") != std::string::npos);
    }
    for (const auto& each :
         {std::pair{"CONTENT_LENGTH=5\nSCGI=1\nHTTP_CONTENT_LENGTH=4\n", BodyEnd::by_length},
          std::pair{"CONTENT_LENGTH=5\nSCGI=1\nHTTP_CONTENT_LENGTH=12x\n", BodyEnd::by_length},
          std::pair{"CONTENT_LENGTH=5\nHTTP_CONTENT_LENGTH=12\n", BodyEnd::by_length},
          std::pair{"CONTENT_LENGTH=5\nHTTP_CONTENT_LENGTH=12\nHTTP_TRANSFER_ENCODING=chunked\n",
                    BodyEnd::on_wire}}) {
      const char* const sent = each.first;
      const BodyEnd body_end = each.second;
      CAPTURE(sent);
      const auto got = prepared(sent, body_end);
      REQUIRE_FALSE(got->refusal);
      CHECK(got->request.content_length() == 5);
      CHECK((*got)["CONTENT_LENGTH"] == "5");
    }
  }
}

TEST_CASE("the length of a spooled body is recorded once") {
  Prepared got(kPost, "HTTP_TRANSFER_ENCODING=chunked\n");
  REQUIRE_FALSE(got.request.content_length());
  got.request.set_content_length(1234567890123);
  CHECK(got.request.content_length() == 1234567890123);
  CHECK(got["CONTENT_LENGTH"] == "1234567890123");
  got.request.set_content_length(0);
  CHECK(got.request.content_length() == 0);
  CHECK(got["CONTENT_LENGTH"] == "0");
  const auto environ = got.request.environ();
  CHECK(std::count_if(environ.begin(), environ.end(), [](const Variable& variable) {
          return variable.name == "CONTENT_LENGTH";
        }) == 1);
}

TEST_SUITE_END();

}  // namespace appd::gateway

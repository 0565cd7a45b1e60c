// Tests of what a FastCGI decoder owes and holds once a request is released.

#include <doctest/doctest.h>

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/decoder_cases.hpp"
#include "protocol/fastcgi_decoder.hpp"
#include "protocol/fastcgi_heads.hpp"
#include "protocol/usual_limits.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

TEST_SUITE("fastcgi decoder") {
  TEST_CASE("an id released early begins again, and late records are not its new request's") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{kUsualLimits, blocks};
    const auto first = head(1, kKeep, announcing("10"));
    std::string_view input = first;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    decoder.expect_body(1, 10);
    decoder.release(1);
    CHECK(decoder.owes_body());

    SUBCASE("its empty STDIN comes late, before the new BEGIN") {
      const auto rest = stdin_of(1, "0123456789abc") + stdin_of(1, "");
      input = rest;
      CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
      CHECK_FALSE(decoder.owes_body());
    }
    SUBCASE("its empty STDIN never comes") {}
    const auto second = head(1, kKeep) + stdin_of(1, "new") + stdin_of(1, "");
    input = second;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    CHECK_FALSE(decoder.owes_body());
    decoder.expect_body(1, std::nullopt);
    CHECK_EQ(decoder.next(input).bytes, "new");
    CHECK_EQ(decoder.next(input).kind, Event::Kind::body_end);
    decoder.release(1);
    CHECK_FALSE(decoder.owes_body());
  }

  TEST_CASE("each released request owes its own end of STDIN") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{kUsualLimits, blocks};
    const auto bytes = head(1, kKeep) + head(3, kKeep);
    std::string_view input = bytes;
    for (const RequestId id : std::initializer_list<RequestId>{1, 3}) {
      REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
      decoder.release(id);
    }
    const auto ends = stdin_of(1, "") + stdin_of(1, "") + stdin_of(3, "");
    input = std::string_view(ends).substr(0, 16);
    CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
    CHECK(decoder.owes_body());
    input = std::string_view(ends).substr(16);
    CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
    CHECK_FALSE(decoder.owes_body());
  }

  TEST_CASE("a release before the end of an empty body takes the end back") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{kUsualLimits, blocks};
    const auto bytes = head(1, kKeep) + stdin_of(1, "") + head(1, kKeep);
    std::string_view input = bytes;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    decoder.expect_body(1, 0);
    decoder.release(1);
    CHECK_EQ(decoder.next(input).kind, Event::Kind::request);
  }

  TEST_CASE("the release of a request leaves the others as they are") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{kUsualLimits, blocks};
    const auto heads = head(1, kKeep) + head(3, kKeep) + head(5, kKeep);
    std::string_view input = heads;
    for (const RequestId id : std::initializer_list<RequestId>{1, 3, 5}) {
      REQUIRE_EQ(decoder.next(input).id, id);
      decoder.expect_body(id, 4);
    }
    decoder.release(1);
    decoder.release(99);
    const auto bodies = stdin_of(1, "xxxx") + stdin_of(5, "five") + stdin_of(3, "3333");
    input = bodies;
    for (const auto& [id, text] :
         {std::pair<RequestId, std::string_view>{5, "five"}, {3, "3333"}}) {
      const auto event = decoder.next(input);
      CHECK_EQ(event.id, id);
      CHECK_EQ(event.bytes, text);
      CHECK_EQ(decoder.next(input).kind, Event::Kind::body_end);
    }
  }

  TEST_CASE("inside_head is true from a request's first byte to the end of its variables") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{kUsualLimits, blocks};
    const auto bytes = head(1, kKeep);
    CHECK_FALSE(decoder.inside_head());
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
      CAPTURE(i);
      std::string_view input = std::string_view(bytes).substr(i, 1);
      REQUIRE_EQ(decoder.next(input).kind, Event::Kind::starved);
      REQUIRE(decoder.inside_head());
    }
    std::string_view input = std::string_view(bytes).substr(bytes.size() - 1);
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    CHECK_FALSE(decoder.inside_head());
    decoder.expect_body(1, 0);

    const auto other = begin(3, kKeep);
    input = other;
    CHECK_EQ(decoder.next(input).kind, Event::Kind::body_end);
    CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
    CHECK(decoder.inside_head());
  }

  TEST_CASE("bytes that a released request still owes are no head") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{kUsualLimits, blocks};
    const auto bytes = head(1, kKeep) + stdin_of(1, "late").substr(0, 5);
    std::string_view input = bytes;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
    decoder.release(1);
    CHECK_EQ(decoder.next(input).kind, Event::Kind::starved);
    CHECK_FALSE(decoder.inside_head());
  }

  TEST_CASE("a request is held alone once its STDIN has ended, and while nothing follows") {
    using Sizes = std::vector<std::size_t>;
    const auto alone = [](const std::string& bytes, RequestId id = 1) {
      return held_alone(Wire::fastcgi, bytes, id);
    };
    const std::string ab = head(1, kKeep, announcing("2")) + stdin_of(1, "ab");
    const std::string whole = ab + stdin_of(1, "");
    const auto n = whole.size();
    CHECK_EQ(alone(whole), Sizes{n});
    CHECK_EQ(alone(whole, 2), Sizes{});
    CHECK_EQ(alone(head(1, kKeep) + stdin_of(1, "")), Sizes{head(1).size() + 8});
    const std::string bodiless = head(1, kKeep, announcing("0")) + stdin_of(1, "");
    CHECK_EQ(alone(bodiless), Sizes{bodiless.size()});
    // The body is complete before its stream is.
    CHECK_EQ(alone(ab), Sizes{});
    CHECK_EQ(alone(ab + stdin_of(1, "more than told") + stdin_of(1, "")), Sizes{n + 8 + 14});
    CHECK_EQ(alone(ab + stdin_of(1, "", 5)), Sizes{n + 5});
    // A record that follows belongs to the next decoder too, unless it is over.
    const std::string ask = record(9, 0, fastcgi_pairs({{"FCGI_MPXS_CONNS", ""}}));
    CHECK_EQ(alone(whole + ask), Sizes{n, n + ask.size()});
    CHECK_EQ(alone(whole + stdin_of(9, "unknown", 1)), Sizes{n, n + 8 + 7 + 1});
    CHECK_EQ(alone(whole + begin(2, kKeep)), Sizes{n});
    CHECK_EQ(alone(begin(2, kKeep) + whole), Sizes{});
    CHECK_EQ(alone(begin(2, kKeep) + whole + abort_request(2)), Sizes{16 + n + 8});
    CHECK_EQ(alone(whole + abort_request(1)), Sizes{n});
  }

  TEST_CASE("a request is not held alone while another, released, owes the end of its STDIN") {
    gateway::BlockPool blocks;
    FastcgiDecoder decoder{kUsualLimits, blocks};
    const auto feed = [&](std::string_view bytes) {
      while (decoder.next(bytes).kind != Event::Kind::starved) continue;
    };
    const auto begin_body = [&](RequestId id) {
      const std::string bytes = head(id, kKeep);
      std::string_view input = bytes;
      REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
      decoder.expect_body(id, std::nullopt);
    };
    begin_body(1);
    decoder.release(1);
    begin_body(2);
    feed(stdin_of(2, ""));
    CHECK_FALSE(decoder.holds_only(2));
    feed(stdin_of(1, "late"));
    CHECK_FALSE(decoder.holds_only(2));
    feed(stdin_of(1, ""));
    CHECK(decoder.holds_only(2));
    decoder.release(2);
    CHECK_FALSE(decoder.holds_only(2));
  }

  TEST_CASE("a refused request is not held") {
    const std::string bytes = begin(1, kKeep) + params(1, "") + stdin_of(1, "");
    CHECK_EQ(held_alone(Wire::fastcgi, bytes, 1), std::vector<std::size_t>{});
  }

  TEST_CASE("nothing is held between requests, and while none of them is") {
    using Sizes = std::vector<std::size_t>;
    using Release = Driving::Release;
    const auto nothing = [](const std::string& bytes, Release release = Release::at_end) {
      return held_nothing(Wire::fastcgi, bytes, release);
    };
    const std::string whole =
        head(1, kKeep, announcing("2")) + stdin_of(1, "ab") + stdin_of(1, "", 5);
    const auto n = whole.size();
    CHECK_EQ(nothing(whole), Sizes{0, n});
    CHECK_EQ(nothing(whole + whole), Sizes{0, n, 2 * n});
    CHECK_EQ(nothing(whole, Release::never), Sizes{0});
    // Answered before its body was in. The remainder is not for another decoder.
    CHECK_EQ(nothing(whole, Release::at_once), Sizes{0, n});
    // A record that the decoder answers itself, or that belongs to no request, is over at its end.
    const std::string ask = record(9, 0, fastcgi_pairs({{"FCGI_MPXS_CONNS", ""}}), 3);
    CHECK_EQ(nothing(ask), Sizes{0, ask.size()});
    const std::string stray = stdin_of(9, "unknown", 1);
    CHECK_EQ(nothing(stray), Sizes{0, stray.size()});
    // A request has begun, whatever was answered beside it.
    CHECK_EQ(nothing(begin(2, kKeep)), Sizes{0});
    CHECK_EQ(nothing(begin(2, kKeep) + whole), Sizes{0});
    CHECK_EQ(nothing(begin(2, kKeep) + abort_request(2)), Sizes{0, 16 + 8});
    CHECK_EQ(nothing(whole + begin(2, kKeep)), Sizes{0, n});
  }
}

}  // namespace
}  // namespace appd::protocol

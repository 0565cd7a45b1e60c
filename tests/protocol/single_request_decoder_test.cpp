// Tests of what uwsgi and SCGI decoders share.

#include "protocol/single_request_decoder.hpp"

#include <doctest/doctest.h>

#include <string>

#include "protocol/decoder_cases.hpp"
#include "protocol/usual_limits.hpp"
#include "protocol/uwsgi_decoder.hpp"
#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

/// A decoder that has given its request; `next` goes on with the body.
struct Begun {
  Begun() {
    const auto head = uwsgi_packet(uwsgi_block({{"A", "1"}}));
    std::string_view input = head;
    REQUIRE_EQ(decoder.next(input).kind, Event::Kind::request);
  }
  Event next(std::string_view input) { return decoder.next(input); }

  gateway::BlockPool blocks;
  UwsgiDecoder decoder{kUsualLimits, blocks};
};

TEST_SUITE("single request decoder") {
  TEST_CASE("the variables move out by exchange of memory") {
    Begun begun;
    gateway::VariableBlock block;
    block.bytes.assign(100, 'x');
    block.variables.resize(9);
    begun.decoder.take_variables(0, block);
    REQUIRE_EQ(block.variables.size(), 1);
    CHECK_EQ(block.variables[0].name, "A");
    CHECK_EQ(block.variables[0].name.data(), block.bytes.data() + 2);
  }

  TEST_CASE("the memory of a head serves the next connection once it is taken") {
    Begun begun;
    gateway::VariableBlock block;
    block.bytes.assign(100, 'x');
    const char* const memory = block.bytes.data();
    begun.decoder.take_variables(0, block);
    UwsgiDecoder next{kUsualLimits, begun.blocks};
    const auto head = uwsgi_packet(uwsgi_block({{"A", "1"}}));
    std::string_view input = head;
    REQUIRE_EQ(next.next(input).kind, Event::Kind::request);
    next.take_variables(0, block);
    CHECK_EQ(block.bytes.data(), memory);
  }

  TEST_CASE("bytes of the body after the release are owed, counted and swallowed") {
    Begun begun;
    begun.decoder.expect_body(0, 6);
    CHECK_EQ(begun.next("ab").bytes, "ab");
    CHECK_FALSE(begun.decoder.owes_body());
    begun.decoder.release(0);
    CHECK(begun.decoder.owes_body());
    CHECK_EQ(begun.next("cde").kind, Event::Kind::starved);
    CHECK(begun.decoder.owes_body());
    CHECK_EQ(begun.next("fgh").kind, Event::Kind::starved);
    CHECK_FALSE(begun.decoder.owes_body());
  }

  TEST_CASE("released before its body's length was told, it owes nobody knows what") {
    Begun begun;
    begun.decoder.release(0);
    CHECK_EQ(begun.next("body").kind, Event::Kind::starved);
    CHECK(begun.decoder.owes_body());
  }

  TEST_CASE("a release takes the end of an empty body back") {
    Begun begun;
    begun.decoder.expect_body(0, 0);
    begun.decoder.release(0);
    CHECK_EQ(begun.next("x").kind, Event::Kind::starved);
    CHECK_FALSE(begun.decoder.owes_body());
  }

  TEST_CASE("the end of the body comes without further input") {
    Begun begun;
    begun.decoder.expect_body(0, 2);
    CHECK_EQ(begun.next("ab").kind, Event::Kind::body);
    CHECK_EQ(begun.next("").kind, Event::Kind::body_end);
    CHECK_EQ(begun.next("").kind, Event::Kind::starved);
  }

  TEST_CASE("a request is held alone once its body is complete, until it is released") {
    using Sizes = std::vector<std::size_t>;
    const auto check = [](Wire wire, const std::string& bodiless, const std::string& with_body) {
      CAPTURE(name(wire));
      const auto n = bodiless.size();
      CHECK_EQ(held_alone(wire, bodiless, 0), Sizes{n});
      // Bytes beyond the body belong to nobody.
      CHECK_EQ(held_alone(wire, bodiless + "x", 0), Sizes{n, n + 1});
      CHECK_EQ(held_alone(wire, bodiless, 0, {.release = Driving::Release::at_end}), Sizes{});
      CHECK_EQ(held_alone(wire, bodiless, 0, {.release = Driving::Release::at_once}), Sizes{});
      CHECK_EQ(held_alone(wire, with_body + "bod", 0), Sizes{});
      CHECK_EQ(held_alone(wire, with_body + "body", 0), Sizes{with_body.size() + 4});
    };
    const auto packet = [](const char* length) {
      return uwsgi_packet(uwsgi_block({{"CONTENT_LENGTH", length}}));
    };
    const auto headers = [](const char* length) {
      return netstring(scgi_headers({{"CONTENT_LENGTH", length}, {"SCGI", "1"}}));
    };
    check(Wire::uwsgi, packet("0"), packet("4"));
    check(Wire::scgi, headers("0"), headers("4"));
  }

  TEST_CASE("nothing is held before the first byte, and never again") {
    using Sizes = std::vector<std::size_t>;
    const std::string packet = uwsgi_packet(uwsgi_block({{"CONTENT_LENGTH", "0"}}));
    const std::string headers = netstring(scgi_headers({{"CONTENT_LENGTH", "0"}, {"SCGI", "1"}}));
    for (const auto release :
         {Driving::Release::at_end, Driving::Release::at_once, Driving::Release::never}) {
      CHECK_EQ(held_nothing(Wire::uwsgi, packet + "x", release), Sizes{0});
      CHECK_EQ(held_nothing(Wire::scgi, headers + "x", release), Sizes{0});
    }
  }

  TEST_CASE("a refused request is not held, nor is a ping") {
    for (const std::string& bytes : {uwsgi_packet("", 0), uwsgi_packet("", 100)}) {
      CHECK_EQ(held_alone(Wire::uwsgi, bytes + "x", 0), std::vector<std::size_t>{});
    }
  }
}

}  // namespace
}  // namespace appd::protocol

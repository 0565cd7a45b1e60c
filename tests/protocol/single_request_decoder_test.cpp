#include "protocol/single_request_decoder.hpp"

#include <doctest/doctest.h>

#include <string>

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
  UwsgiDecoder decoder{DecoderLimits{}, blocks};
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
    UwsgiDecoder next{DecoderLimits{}, begun.blocks};
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
}

}  // namespace
}  // namespace appd::protocol

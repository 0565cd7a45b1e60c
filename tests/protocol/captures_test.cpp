// Decodes what real fronts sent.

#include "protocol/captures.hpp"

#include <doctest/doctest.h>

#include "protocol/decoder_cases.hpp"

namespace appd::protocol {
namespace {

using namespace testing;

TEST_SUITE("captures of real front servers") {
  TEST_CASE("decode to the variables and bodies that were sent, however they are cut") {
    for_each_capture([](const std::string& name, const std::string& bytes) {
      Driving driving;
      if (name.find("_hang") != std::string::npos) driving.release = Driving::Release::never;
      const auto expected = read_lines(kCaptures / (name + ".expected"));
      for (const std::size_t chunk : {std::size_t{1}, std::size_t{3}, std::size_t{8},
                                      std::size_t{61}, std::size_t{1460}, bytes.size()}) {
        CAPTURE(chunk);
        REQUIRE_EQ(decode(wire_of(name), bytes, chunk, driving).events, expected);
      }
    });
  }

  TEST_CASE("are told apart by their first byte") {
    for_each_capture([](const std::string& name, const std::string& bytes) {
      const auto sniffed = sniff(bytes.substr(0, 1));
      REQUIRE_EQ(sniffed.kind, Sniffed::Kind::wire);
      REQUIRE_EQ(sniffed.wire, wire_of(name));
    });
  }
}

}  // namespace
}  // namespace appd::protocol

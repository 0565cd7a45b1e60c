// Tests of the three encodings of variables.

#include "protocol/variable_parsers.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>

#include "protocol/wire_bytes.hpp"

namespace appd::protocol {
namespace {

using namespace testing;
using Variables = std::vector<gateway::Variable>;
using Parser = Unparsed (*)(std::string_view, Variables&);

struct Wired {
  const char* name;
  Parser parse;
  std::string (*encode)(Pairs);
};

const Wired kWires[] = {{"FastCGI", parse_fastcgi_pairs, fastcgi_pairs},
                        {"uwsgi", parse_uwsgi_variables, uwsgi_block},
                        {"SCGI", parse_scgi_headers, scgi_headers}};

TEST_SUITE("variable parsers") {
  TEST_CASE("variables are views into the block, in its order") {
    for (const auto& wire : kWires) {
      CAPTURE(wire.name);
      const auto block = wire.encode({{"A", "1"}, {"EMPTY", ""}, {"LONG", std::string(300, 'v')}});
      Variables out;
      CHECK_FALSE(wire.parse(block, out));
      REQUIRE_EQ(out.size(), 3);
      CHECK_EQ(out[0].name, "A");
      CHECK_EQ(out[0].value, "1");
      CHECK_EQ(out[1].name, "EMPTY");
      CHECK(out[1].value.empty());
      CHECK_EQ(out[2].value.size(), 300);
      for (const auto& variable : out) {
        CHECK_GE(variable.name.data(), block.data());
        CHECK_LE(variable.value.data() + variable.value.size(), block.data() + block.size());
      }
    }
  }

  TEST_CASE("nothing is parsed behind the variable that is too many") {
    for (const auto& wire : kWires) {
      CAPTURE(wire.name);
      std::string block;
      for (std::size_t i = 0; i < 3 * kMostVariables; ++i) block += wire.encode({{"A", ""}});
      Variables out;
      CHECK_FALSE(wire.parse(block, out));
      CHECK_EQ(out.size(), kMostVariables + 1);
    }
  }

  TEST_CASE("a block cut at any byte says which variable is not whole") {
    // Lengths of one byte and of four, as FastCGI has both.
    const std::string long_name(200, 'N');
    const std::string long_value(300, 'v');
    const std::pair<std::string_view, std::string_view> lasts[] = {
        {"NAME", "value"}, {"NAME", long_value}, {long_name, "value"}};
    for (const auto& wire : kWires) {
      CAPTURE(wire.name);
      const auto first = wire.encode({{"A", "1"}});
      for (const auto& last : lasts) {
        const auto block = first + wire.encode({last});
        for (std::size_t size = first.size() + 1; size < block.size(); ++size) {
          CAPTURE(size);
          Variables out;
          const auto rest = wire.parse(std::string_view(block).substr(0, size), out);
          REQUIRE(rest);
          REQUIRE_EQ(out.size(), 1);
          REQUIRE_EQ(rest.offset, first.size());
          REQUIRE_EQ(rest.name, last.first.substr(0, rest.name.size()));
        }
      }
    }
  }

  TEST_CASE("uwsgi and SCGI variables need a name") {
    Variables out;
    CHECK_EQ(std::string(parse_uwsgi_variables(uwsgi_block({{"", "x"}}), out).problem),
             "has an empty name");
    CHECK_EQ(std::string(parse_scgi_headers(scgi_headers({{"", "x"}}), out).problem),
             "has an empty name");
    CHECK(out.empty());
  }

  TEST_CASE("lengths have each wire's byte order") {
    Variables out;
    const std::string value(0x0102, 'v');
    const auto fastcgi = bytes({1, 0x80, 0, 1, 2}) + "N" + value;
    const auto uwsgi = bytes({1, 0}) + "N" + bytes({2, 1}) + value;
    CHECK_FALSE(parse_fastcgi_pairs(fastcgi, out));
    CHECK_FALSE(parse_uwsgi_variables(uwsgi, out));
    REQUIRE_EQ(out.size(), 2);
    CHECK_EQ(out[0].value, value);
    CHECK_EQ(out[1].value, value);
  }

  TEST_CASE("a declared length near 2^32 is compared, not added up or allocated") {
    Variables out;
    const auto rest =
        parse_fastcgi_pairs(bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), out);
    CHECK(rest);
    CHECK_EQ(rest.size, 0xfffffffe);
  }

  TEST_CASE("an excess names limit, setting and the largest variable") {
    const Variables parsed{{"SMALL", "1"}, {"LARGE", "123456"}};
    CHECK_EQ(describe_excess(10, parsed, {}),
             "the request's variables are larger than 10 bytes (--max-params); the largest so far "
             "is LARGE with 11 bytes");
    CHECK_NE(describe_excess(10, parsed, {"", 0, "HTTP_COOKIE", 9000})
                 .find("is HTTP_COOKIE with 9000 bytes"),
             std::string::npos);
    CHECK_NE(describe_excess(10, parsed, {"", 0, "", 9000})
                 .find("one whose name has not arrived yet, with"),
             std::string::npos);
    CHECK_NE(describe_excess(10, {{"HTTP_\r\n\xff", "1"}}, {}).find("HTTP_??? with"),
             std::string::npos);
    CHECK_NE(describe_excess(10, {{std::string(64, 'N') + "rest", "1"}}, {})
                 .find("NNN... with 69 bytes"),
             std::string::npos);
  }
}

}  // namespace
}  // namespace appd::protocol

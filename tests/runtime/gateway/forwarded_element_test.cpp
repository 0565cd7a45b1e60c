// Tests of RFC 7239's elements.

#include "runtime/gateway/forwarded_element.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace appd::gateway {
namespace {

std::vector<std::string> elements_from_the_right(std::string_view list) {
  std::vector<std::string> elements;
  while (!list.empty()) elements.emplace_back(take_last_element(list));
  return elements;
}

/// "client|proto|host", with "-" for what is not there.
std::string parsed(std::string_view text) {
  StringPool made;
  const auto element = parse_forwarded_element(text, made);
  if (!element) return "malformed";
  std::string line(element->client.value_or("-"));
  line.append("|").append(element->proto.value_or("-"));
  return line.append("|").append(element->host.value_or("-"));
}

struct Row {
  const char* text;
  const char* expected;
};

}  // namespace

TEST_SUITE_BEGIN("forwarded element");

TEST_CASE("elements are taken from the right, and quoted commas do not part them") {
  using Elements = std::vector<std::string>;
  const std::pair<const char*, Elements> rows[] = {
      {"", {}},
      {"for=a", {"for=a"}},
      {"for=a, for=b ,\tfor=c", {"for=c", "for=b", "for=a"}},
      {"for=a,", {"", "for=a"}},
      {"for=a, , for=b", {"for=b", "", "for=a"}},
      {R"(x="a,b", y="c,d";z=e)", {R"(y="c,d";z=e)", R"(x="a,b")"}},
      {R"(x="a\",b", y=c)", {"y=c", R"(x="a\",b")"}},
      {R"(x="a\\", y="\\\",")", {R"(y="\\\",")", R"(x="a\\")"}},
      {R"(for=a, x="b,c\\")", {R"(x="b,c\\")", "for=a"}},
      {R"(x="", y="")", {R"(y="")", R"(x="")"}},
      // What a client has written does not reach into what its proxy has added.
      {R"(x=", for=b)", {"for=b", R"(x=")"}},
      {R"(x="\, for="b")", {R"(for="b")", R"(x="\)"}},
      {R"(a, x=", for="b,c")", {R"(for="b,c")", R"(a, x=")"}},
      {R"(x\, for=b)", {"for=b", R"(x\)"}},
      {R"(x\", for=b)", {"for=b", R"(x\")"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.first);
    CHECK(elements_from_the_right(row.first) == row.second);
  }
}

TEST_CASE("an element has parameters, in any order and case") {
  const Row rows[] = {
      {"for=192.0.2.1", "192.0.2.1|-|-"},
      {"for=a;proto=b;host=c;by=d", "a|b|c"},
      {"HOST=c;By=d;FOR=a;pRoTo=b", "a|b|c"},
      {" for=a ;\tproto=b ; host=c ", "a|b|c"},
      {";for=a;;proto=b;", "a|b|-"},
      {R"(for="[2001:db8::1]:80")", "[2001:db8::1]:80|-|-"},
      {R"(for="a;b,c=d e";host="x" ; proto="y")", "a;b,c=d e|y|x"},
      {R"(for="\[\:\:1\]";host="a\"b\\")", R"([::1]|-|a"b\)"},
      {R"(for="")", "|-|-"},
      {R"(ext="\"";secret=x;secret=y;for=a)", "a|-|-"},
      {"by=a", "-|-|-"},
      {"", "-|-|-"},
      {";", "-|-|-"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parsed(row.text) == row.expected);
  }
}

TEST_CASE("a malformed element says nothing") {
  for (const char* text : {"for",
                           "for=",
                           "=a",
                           "for =a",
                           "for= a",
                           "for==a",
                           "for=a b",
                           "for=a proto=b",
                           "for=[::1]",
                           "for=a:80",
                           R"(for="a)",
                           R"(for="a\")",
                           R"(for="a\)",
                           R"(for=")",
                           R"(for="a"b)",
                           R"(for="a""b")",
                           R"(for=a"b")",
                           "for=a;for=a",
                           R"(for="";FOR=a)",
                           "proto=a;proto=b",
                           "host=a;host=b",
                           "by",
                           "f or=a",
                           "\"for\"=a",
                           "for=a;proto",
                           "for=a\x01",
                           "f\xc3=a"}) {
    CAPTURE(text);
    CHECK(parsed(text) == "malformed");
  }
}

TEST_CASE("escapes of other parameters make no strings") {
  std::string text = "for=a";
  for (int i = 0; i < 1000; ++i) text += R"(;x="\y")";
  StringPool made;
  CHECK(parse_forwarded_element(text, made)->client == "a");
  std::string& next = made.next();
  made.clear();
  CHECK(&made.next() == &next);
}

TEST_SUITE_END();

}  // namespace appd::gateway

// Tests of chunked bodies, at every split.

#include "protocol/chunked_body.hpp"

#include <doctest/doctest.h>

#include <string>

namespace appd::protocol {
namespace {

using Found = ChunkedBody::Found;

/// The body's bytes, then "(end)", "(more)" or what is wrong, and what was left of the input.
std::string read(std::string_view bytes, std::size_t chunk) {
  ChunkedBody body;
  std::string result;
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    std::string_view input = bytes.substr(at, chunk);
    for (;;) {
      const ChunkedBody::Step step = body.next(input);
      if (step.found == Found::starved) break;
      if (step.found == Found::malformed) return result + "(" + step.problem + ")";
      result += step.bytes;
      if (step.found == Found::end) {
        const std::size_t left = bytes.size() - at - chunk;
        return result + "(end)" + std::string(input) +
               std::string(at + chunk < bytes.size() ? bytes.substr(bytes.size() - left) : "");
      }
    }
  }
  return result + "(more)";
}

TEST_SUITE("chunked body") {
  TEST_CASE("bodies, and what is none, at every split") {
    const std::string longest(ChunkedBody::kMostExtension - 1, 'x');
    const std::string trailers(ChunkedBody::kMostTrailers - 3, 't');
    const struct {
      const char* name;
      std::string bytes;
      std::string expected;
    } rows[] = {
        {"empty", "0\r\n\r\n", "(end)"},
        {"one chunk", "3\r\nabc\r\n0\r\n\r\n", "abc(end)"},
        {"several, sizes of any case and with zeros",
         "1\r\na\r\n00A\r\n0123456789\r\nb\r\n"
         "0123456789a\r\n000\r\n\r\n",
         "a01234567890123456789a(end)"},
        {"what follows is left", "1\r\na\r\n0\r\n\r\nGET /", "a(end)GET /"},
        {"data that looks like framing", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n(end)"},
        {"an extension", "1;a=b;c=\"d\"\r\nx\r\n0;e\r\n\r\n", "x(end)"},
        {"blanks before the extension", "1 \t;a\r\nx\r\n0\r\n\r\n", "x(end)"},
        {"blanks and no extension", "1 \r\nx\r\n", "(has a chunk size that is no number)"},
        {"two sizes", "1 2\r\nx\r\n", "(has a chunk size that is no number)"},
        {"the longest extension", "1;" + longest + "\r\nx\r\n0\r\n\r\n", "x(end)"},
        {"an extension that is too long", "1;" + longest + "xx\r\nx\r\n",
         "(has a chunk extension that is too long)"},
        {"trailers are dropped", "0\r\nA: b\r\nC: d\r\n\r\nGET", "(end)GET"},
        {"the longest trailers", "0\r\nA: " + trailers + "\r\n\r\n", "(end)"},
        {"trailers that are too long", "0\r\nA: " + trailers + "t\r\n\r\n",
         "(has trailers that are too long)"},
        {"trailers that are too long in lines", "0\r\nA: " + trailers + "\r\nB\r\n\r\n",
         "(has trailers that are too long)"},
        {"no size", "\r\n", "(has a chunk without a size)"},
        {"a size that is no number", "1g\r\n", "(has a chunk size that is no number)"},
        {"a sign", "+1\r\na\r\n", "(has a chunk without a size)"},
        {"0x", "0x1\r\n", "(has a chunk size that is no number)"},
        {"a blank first", " 1\r\n", "(has a chunk without a size)"},
        {"the longest size", "0000000000000a;\r\n0123456789\r\n0\r\n\r\n", "0123456789(end)"},
        {"a size that is too long", "0000000000000001\r\n", "(has a chunk size that is too long)"},
        {"LF without CR after a size", "1\na\r\n", "(has a chunk size that is no number)"},
        {"LF without CR after an extension", "1;x\na", "(has a control byte in its framing)"},
        {"CR without LF after a size", "1\ra", "(has a CR without LF)"},
        {"NUL in an extension", std::string("1;\0\r\n", 5), "(has a control byte in its framing)"},
        {"more data than announced", "1\r\nab", "a(goes on after the end of a chunk)"},
        {"CR without LF after data", "1\r\na\rb", "a(has a CR without LF)"},
        {"LF without CR in the trailers", "0\r\nA: b\n", "(has a control byte in its framing)"},
        {"CR without LF in the trailers", "0\r\nA: b\rC", "(has a CR without LF)"},
        {"CR without LF at the end", "0\r\n\rx", "(has a CR without LF)"},
        {"unfinished", "5\r\nabc", "abc(more)"},
    };
    for (const auto& row : rows) {
      CAPTURE(row.name);
      for (const std::size_t chunk :
           {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, row.bytes.size()}) {
        CAPTURE(chunk);
        CHECK(read(row.bytes, chunk) == row.expected);
      }
    }
  }
}

}  // namespace
}  // namespace appd::protocol

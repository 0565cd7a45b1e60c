// Tests of the field Accept-Encoding.

#include "runtime/files/content_coding.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace appd::files;

namespace {

struct Row {
  const char* value;
  const char* expected;
};

const Row kRows[] = {
    {"", ""},
    {"gzip, deflate, br, zstd", "zstd br gzip"},
    {"gzip", "gzip"},
    {"GZip", "gzip"},
    {"x-gzip", "gzip"},
    {"deflate, compress", ""},
    {"gzip;q=1, br;q=0.5", "gzip br"},
    {"gzip;q=0.8, br;q=0.8, zstd;q=0.7", "br gzip zstd"},
    {"gzip;q=0.001", "gzip"},
    {"gzip;q=0, br", "br"},
    {"gzip;q=0.000", ""},
    {"*", "zstd br gzip"},
    {"*;q=0", ""},
    {"br;q=0, *", "zstd gzip"},
    {"*;q=0.5, gzip", "gzip zstd br"},
    {"identity", ""},
    {"identity, gzip", "gzip"},
    {"identity;q=1, gzip;q=0.5", ""},
    {"identity;q=0.5, gzip;q=0.5, br;q=0.4", "gzip"},
    {"identity;q=0, gzip", "gzip"},
    {"identity;q=0", ""},
    {" gzip ; q=0.5 ,br\t;\tq=0.4", "gzip br"},
    {",,gzip,,", "gzip"},
    {"gzip;Q=0.5", "gzip"},
    {"gzip;q=2, br", "br"},
    {"gzip;q=1.001, br", "br"},
    {"gzip;q=1.000, br;q=1.", "br gzip"},
    {"gzip;q=0.1234, br", "br"},
    {"gzip;q=, br", "br"},
    {"gzip;q=-1, br", "br"},
    {"gzip;q=.5, br", "br"},
    {"gzip;q=0.5.5, br", "br"},
    {"gzip;level=9, br", "br"},
    {"gzip br", ""},
    {";;;===,,,q=1", ""},
};

std::string words(const std::vector<ContentCoding>& codings) {
  std::string text;
  for (const auto coding : codings) {
    if (!text.empty()) text += ' ';
    text += names_of(coding).token;
  }
  return text;
}

}  // namespace

TEST_SUITE("content coding") {
  TEST_CASE("clients get the codings they like better than none, in their order") {
    for (const Row& row : kRows) {
      CAPTURE(row.value);
      CHECK(words(preferred_codings(row.value)) == row.expected);
    }
  }
}

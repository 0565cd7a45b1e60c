// Tests of media types.

#include "runtime/files/media_types.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "fakes/temporary_folder.hpp"
#include "runtime/files/written_file.hpp"

using namespace appd::files;
using appd::files::test::write;
using appd::test::TemporaryFolder;

namespace {

constexpr const char* kUnknown = "application/octet-stream";

struct Row {
  const char* given;
  const char* expected;
};

}  // namespace

TEST_SUITE("media types") {
  TEST_CASE("what the web needs is known without a table") {
    const MediaTypes types;
    const Row rows[] = {
        {"a.html", "text/html"},
        {"css/a.css", "text/css"},
        {"a.min.js", "text/javascript"},
        {"a.mjs", "text/javascript"},
        {"a.js.map", "application/json"},
        {"a.json", "application/json"},
        {"a.webmanifest", "application/manifest+json"},
        {"a.svg", "image/svg+xml"},
        {"a.png", "image/png"},
        {"a.jpg", "image/jpeg"},
        {"A.JPEG", "image/jpeg"},
        {"a.gif", "image/gif"},
        {"a.webp", "image/webp"},
        {"a.avif", "image/avif"},
        {"favicon.ico", "image/vnd.microsoft.icon"},
        {"a.woff", "font/woff"},
        {"a.woff2", "font/woff2"},
        {"a.ttf", "font/ttf"},
        {"a.otf", "font/otf"},
        {"a.txt", "text/plain"},
        {"a.xml", "application/xml"},
        {"a.pdf", "application/pdf"},
        {"a.mp4", "video/mp4"},
        {"a.webm", "video/webm"},
        {"a.mp3", "audio/mpeg"},
        {"a.wasm", "application/wasm"},
        {"a.tar.gz", "application/gzip"},
        {"a.zip", "application/zip"},
        {"a", kUnknown},
        {"css", kUnknown},
        {"a.", kUnknown},
        {"", kUnknown},
        {"a.unknown", kUnknown},
        {"a.cs", kUnknown},
        {"a.csss", kUnknown},
        {"a.css ", kUnknown},
    };
    for (const Row& row : rows) {
      CAPTURE(row.given);
      CHECK(types.type_of(row.given) == row.expected);
    }
  }

  TEST_CASE("a table counts before the built-in one, and its first line before the others") {
    const MediaTypes types(
        "# css of a comment: text/none none\n"
        "Text/CSS-Two\tCSS  css2\r\n"
        "text/none css css3 # none css4\n"
        "text/no-extension\n"
        "text/plain readme");
    CHECK(types.type_of("a.css") == "text/css-two");
    CHECK(types.type_of("a.css2") == "text/css-two");
    CHECK(types.type_of("a.css3") == "text/none");
    CHECK(types.type_of("a.css4") == kUnknown);
    CHECK(types.type_of("a.readme") == "text/plain");
    CHECK(types.type_of("a.none") == kUnknown);
    CHECK(types.type_of("a.html") == "text/html");
  }

  TEST_CASE("malformed lines are skipped") {
    const MediaTypes types(std::string("text x1\n/plain x2\ntext/ x3\ntext/a/b x4\ntext/pl;ain x5\n"
                                       "te xt/plain x6\ntext/\x01 x7\ntext/\xe9 x8\n\n \t \n"
                                       "text/ok o,k y1 \x01 y\x01z y2\n") +
                           std::string("text/\0 x9\n", 10));
    for (int i = 1; i <= 9; ++i) CHECK(types.type_of("a.x" + std::to_string(i)) == kUnknown);
    CHECK(types.type_of("a.y1") == "text/ok");
    CHECK(types.type_of("a.y2") == "text/ok");
    CHECK(types.type_of("a.o,k") == kUnknown);
  }

  TEST_CASE("a moved table still has its types") {
    MediaTypes types("text/x x\n");
    const MediaTypes moved = std::move(types);
    CHECK(moved.type_of("a.x") == "text/x");
  }

  TEST_CASE("a table is read from its file, if there is one") {
    const TemporaryFolder folder;
    write(folder / "types", "text/x x");
    CHECK(MediaTypes::read(folder / "types").type_of("a.x") == "text/x");
    for (const std::string& path : {folder / "nowhere", folder.path()}) {
      CHECK(MediaTypes::read(path).type_of("a.css") == "text/css");
    }
    CHECK(MediaTypes::read().type_of("a.css") == "text/css");
  }

  TEST_CASE("of a large file only whole lines within the limit count") {
    const TemporaryFolder folder;
    const std::string first = "text/first first\n";
    std::string text = first + "#";
    text += std::string(MediaTypes::kLongestFile - text.size() - 13, '#') + "\ntext/cut cut-off\n";
    write(folder / "types", text);
    const MediaTypes types = MediaTypes::read(folder / "types");
    CHECK(types.type_of("a.first") == "text/first");
    CHECK(types.type_of("a.cut") == kUnknown);
    CHECK(types.type_of("a.cut-off") == kUnknown);
  }

  TEST_CASE("texts are in UTF-8, but for what names its encoding itself") {
    const Row rows[] = {
        {"text/html", "text/html; charset=utf-8"},
        {"text/javascript", "text/javascript; charset=utf-8"},
        {"application/javascript", "application/javascript; charset=utf-8"},
        {"text/xml", "text/xml"},
        {"application/xml", "application/xml"},
        {"image/svg+xml", "image/svg+xml"},
        {"application/json", "application/json"},
        {"image/png", "image/png"},
    };
    for (const Row& row : rows) CHECK(content_type(row.given) == row.expected);
  }

  TEST_CASE("texts can be compressed, pictures are already") {
    for (const char* const type :
         {"text/css", "application/json", "application/manifest+json", "image/svg+xml",
          "application/wasm", "font/ttf", "application/xml"}) {
      CAPTURE(type);
      CHECK(is_compressible(type));
    }
    for (const char* const type :
         {"image/png", "font/woff2", "application/gzip", "video/mp4", kUnknown}) {
      CAPTURE(type);
      CHECK_FALSE(is_compressible(type));
    }
  }
}

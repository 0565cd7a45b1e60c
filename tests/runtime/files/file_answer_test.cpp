// Tests of heads and bodies of responses with files.

#include "runtime/files/file_answer.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "fuzz/file_properties.hpp"

using namespace appd::files;

namespace {

constexpr Seconds kModified = 784'111'777;
constexpr const char* kEtag = "\"64-ae1b981bc490a05\"";
constexpr const char* kThen = "Sun, 06 Nov 1994 08:49:37 GMT";
const FileFacts kFacts{100, {kModified, 5}};

std::string fixed_boundary() {
  return "limit";
}

Presentation css() {
  Presentation as{.media_type = "text/css"};
  as.make_boundary = fixed_boundary;
  return as;
}

FileRequest get() {
  FileRequest request;
  request.method = "GET";
  request.now = kModified + 100;
  return request;
}

FileRequest get(std::string_view FileRequest::*field, std::string_view value) {
  FileRequest request = get();
  request.*field = value;
  return request;
}

FileAnswer answer(const FileRequest& request, const Presentation& as = css()) {
  return plan_answer(request, {{}, kFacts}, as);
}

/// Status, fields and body, with "{OFFSET+LENGTH}" for each part of the file.
std::string all_of(const FileAnswer& answer) {
  std::string text = answer.status + "\r\n" + answer.fields + "\r\n";
  for (const FilePart& part : answer.parts) {
    text += part.text + "{" + std::to_string(part.range.offset) + "+" +
            std::to_string(part.range.length) + "}";
  }
  return text + answer.text;
}

std::string without_body(const std::string& all) {
  return all.substr(0, all.find("\r\n\r\n") + 4);
}

constexpr const char* kCacheFields =
    "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"64-ae1b981bc490a05\"\r\n";

const std::string kWhole =
    std::string(
        "200 OK\r\nContent-Type: text/css; charset=utf-8\r\nContent-Length: 100\r\n"
        "Accept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n") +
    kCacheFields + "\r\n{0+100}";

const std::string kFailed =
    "412 Precondition Failed\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 75\r\n"
    "\r\n412 Precondition Failed\nThe file is not the one that the request is about.\n";

bool has(const FileAnswer& answer, std::string_view field) {
  return answer.fields.find(std::string(field) + "\r\n") != std::string::npos;
}

}  // namespace

TEST_SUITE("file answer") {
  TEST_CASE("all of the file") {
    CHECK(all_of(answer(get())) == kWhole);
    CHECK(answer(get()).announces_length);
    CHECK(answer(get()).error == 0);
  }

  TEST_CASE("HEAD has the same head and no body, and Range does not count") {
    FileRequest request = get();
    request.method = "HEAD";
    CHECK(all_of(answer(request)) == without_body(kWhole));
    request.range = "bytes=0-0";
    CHECK(all_of(answer(request)) == without_body(kWhole));
    request.range = "bytes=100-";
    CHECK(all_of(answer(request)) == without_body(kWhole));
    request.if_match = "\"x\"";
    CHECK(all_of(answer(request)) == without_body(kFailed));
  }

  TEST_CASE("an empty file has no body") {
    const FileAnswer empty = plan_answer(get(&FileRequest::range, "bytes=0-"), {}, css());
    CHECK(empty.status == "200 OK");
    CHECK(has(empty, "Content-Length: 0"));
    CHECK(empty.parts.empty());
    CHECK(empty.text.empty());
  }

  TEST_CASE("the file goes with the parts, and only with them") {
    const auto open = [] { return OpenFile{appd::support::UniqueFd(::dup(0)), kFacts}; };
    CHECK(plan_answer(get(), open(), css()).file);
    CHECK(plan_answer(get(&FileRequest::range, "bytes=1-2"), open(), css()).file);
    CHECK_FALSE(plan_answer(get(&FileRequest::range, "bytes=100-"), open(), css()).file);
    CHECK_FALSE(plan_answer(get(&FileRequest::if_none_match, "*"), open(), css()).file);
    CHECK_FALSE(plan_answer(get(&FileRequest::method, "HEAD"), open(), css()).file);
    CHECK_FALSE(plan_answer(get(), {appd::support::UniqueFd(::dup(0)), {}}, css()).file);
  }

  TEST_CASE("a client that has the file gets a 304 with what caches want to know") {
    Presentation as = css();
    as.cache_control = "max-age=60";
    as.varies = true;
    const std::string expected = std::string("304 Not Modified\r\n") + kCacheFields +
                                 "Cache-Control: max-age=60\r\nVary: Accept-Encoding\r\n\r\n";
    for (FileRequest request :
         {get(&FileRequest::if_none_match, kEtag), get(&FileRequest::if_modified_since, kThen)}) {
      CHECK(all_of(answer(request, as)) == expected);
      CHECK_FALSE(answer(request, as).announces_length);
      request.method = "HEAD";
      CHECK(all_of(answer(request, as)) == expected);
      request.range = "bytes=100-";
      CHECK(all_of(answer(request, as)) == expected);
    }
  }

  TEST_CASE("a condition that fails is said before anything else") {
    FileRequest request = get(&FileRequest::if_match, "\"x\"");
    CHECK(all_of(answer(request)) == kFailed);
    request.range = "bytes=100-";
    request.if_none_match = "*";
    CHECK(all_of(answer(request)) == kFailed);
  }

  TEST_CASE("one range") {
    CHECK(all_of(answer(get(&FileRequest::range, "bytes=10-19"))) ==
          std::string("206 Partial Content\r\nContent-Type: text/css; charset=utf-8\r\n"
                      "Content-Length: 10\r\nContent-Range: bytes 10-19/100\r\n"
                      "Accept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n") +
              kCacheFields + "\r\n{10+10}");
    CHECK(has(answer(get(&FileRequest::range, "bytes=0-")), "Content-Range: bytes 0-99/100"));
    CHECK(has(answer(get(&FileRequest::range, "bytes=-1,200-")), "Content-Range: bytes 99-99/100"));
  }

  TEST_CASE("several ranges are parts of their own, exact to the byte") {
    const std::string body =
        "--limit\r\nContent-Type: text/css; charset=utf-8\r\n"
        "Content-Range: bytes 50-59/100\r\n\r\n{50+10}"
        "\r\n--limit\r\nContent-Type: text/css; charset=utf-8\r\n"
        "Content-Range: bytes 0-0/100\r\n\r\n{0+1}"
        "\r\n--limit--\r\n";
    const std::size_t length = body.size() - 7 - 5 + 10 + 1;
    CHECK(all_of(answer(get(&FileRequest::range, "bytes=50-59,0-0"))) ==
          "206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=limit\r\n"
          "Content-Length: " +
              std::to_string(length) +
              "\r\nAccept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n" + kCacheFields +
              "\r\n" + body);
  }

  TEST_CASE("a range that is not there gets the size") {
    CHECK(all_of(answer(get(&FileRequest::range, "bytes=100-"))) ==
          "416 Range Not Satisfiable\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Content-Length: 60\r\nContent-Range: bytes */100\r\n\r\n"
          "416 Range Not Satisfiable\nThe file has none of these bytes.\n");
  }

  TEST_CASE("a range of another content gets all of this one") {
    FileRequest request = get(&FileRequest::range, "bytes=0-9");
    for (const char* const same : {"", kEtag, kThen}) {
      request.if_range = same;
      CHECK(answer(request).status == "206 Partial Content");
    }
    for (const char* const other : {"\"x\"", "Sun, 06 Nov 1994 08:49:38 GMT"}) {
      request.if_range = other;
      CHECK(all_of(answer(request)) == kWhole);
      request.range = "bytes=100-";
      CHECK(all_of(answer(request)) == kWhole);
      request.range = "bytes=0-9";
    }
  }

  TEST_CASE("a compressed file has its coding, a tag of its own, and one range at most") {
    Presentation as = css();
    as.coding = ContentCoding::gzip;
    as.varies = true;
    const FileAnswer whole = answer(get(), as);
    CHECK(has(whole, "Content-Type: text/css; charset=utf-8"));
    CHECK(has(whole, "Content-Encoding: gzip"));
    CHECK(has(whole, "ETag: \"64-ae1b981bc490a05-gz\""));
    CHECK(has(whole, "Vary: Accept-Encoding"));
    const FileAnswer part = answer(get(&FileRequest::range, "bytes=0-9"), as);
    CHECK(part.status == "206 Partial Content");
    CHECK(has(part, "Content-Encoding: gzip"));
    CHECK(answer(get(&FileRequest::range, "bytes=0-9,20-29"), as).status == "200 OK");
    CHECK(answer(get(&FileRequest::range, "bytes=200-"), as).status.starts_with("416"));
    CHECK(answer(get(&FileRequest::if_none_match, kEtag), as).status == "200 OK");
  }

  TEST_CASE("a file from the future was modified now") {
    FileRequest request = get();
    request.now = kModified - 1;
    CHECK(has(answer(request), "Last-Modified: Sun, 06 Nov 1994 08:49:36 GMT"));
  }

  TEST_CASE("a file whose time says nothing has no validators") {
    const FileAnswer plain = plan_answer(get(), {{}, {100, {1, 0}}}, css());
    CHECK(plain.fields.find("Last-Modified") == std::string::npos);
    CHECK(plain.fields.find("ETag") == std::string::npos);
    CHECK(plain.fields.find("Vary") == std::string::npos);
    CHECK(plain.fields.find("Cache-Control") == std::string::npos);
  }

  TEST_CASE("each boundary is another") {
    CHECK(random_boundary().size() == 32);
    CHECK(random_boundary() != random_boundary());
  }

  TEST_CASE("no garbage breaks a response") {
    // Pieces of what the fields have, in an order that only the number decides.
    constexpr std::string_view kPieces[] = {
        "bytes=", "0",    "-",   ",",    "99",  "18446744073709551616",   "\"", "W/", "*", " ",
        "\t",     "gzip", "br;", "q=0.", "GMT", "Sun, 06 Nov 1994",       ":",  "=",  ";", "\x01",
        "\xff",   "Sun",  "06-", "Nov",  "-94", "\"64-ae1b981bc490a05\"", "\n"};
    std::uint64_t state = 1;
    for (int round = 0; round < 20'000; ++round) {
      std::string input;
      do {
        state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
        input += kPieces[(state >> 33) % std::size(kPieces)];
      } while ((state >> 60) != 0);
      CAPTURE(input);
      REQUIRE(appd::fuzz::check_file_request(input) == "");
    }
  }
}

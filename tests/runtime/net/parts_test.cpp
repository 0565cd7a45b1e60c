// Tests of lists of bytes: what is left of them, and where they go.

#include "runtime/net/parts.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "fakes/temporary_folder.hpp"
#include "fakes/wired.hpp"
#include "runtime/net/spool_file.hpp"

using namespace appd;
using namespace appd::net;
using namespace appd::test;

namespace {

std::vector<iovec> parts_of(std::vector<std::string>& texts) {
  std::vector<iovec> parts;
  for (std::string& text : texts) parts.push_back({text.data(), text.size()});
  return parts;
}

std::string text_of(std::span<const iovec> parts) {
  std::string text(size_of(parts), '\0');
  copy(parts, text.data());
  return text;
}

}  // namespace

TEST_SUITE("parts") {
  TEST_CASE("what is sent is taken off the front, and empty parts go with it") {
    const std::string all = "abcdefg";
    for (std::size_t sent = 0; sent <= all.size(); ++sent) {
      CAPTURE(sent);
      std::vector<std::string> texts{"", "ab", "", "", "cdef", "g", ""};
      std::vector<iovec> parts = parts_of(texts);
      std::size_t first = 0;
      advance(parts, first, sent);
      CHECK(text_of(std::span(parts).subspan(first)) == all.substr(sent));
      CHECK((first == parts.size()) == (sent == all.size()));
      if (first < parts.size()) CHECK(parts[first].iov_len > 0);
    }
  }

  TEST_CASE("sending goes on where the socket had no more room") {
    const Wired wired;
    std::vector<std::string> texts{std::string(300'000, 'a'), "", std::string(300'000, 'b')};
    const std::string all = texts[0] + texts[2];
    std::vector<iovec> parts = parts_of(texts);
    std::size_t first = 0;
    std::string got, buffer(1 << 20, '\0');
    Sending result = Sending::some;
    while (result == Sending::some && got.size() < all.size()) {
      result = send_parts(wired.server.get(), parts, first);
      const ssize_t n = ::read(wired.front.get(), buffer.data(), buffer.size());
      REQUIRE(n > 0);
      got.append(buffer, 0, static_cast<std::size_t>(n));
    }
    CHECK(result == Sending::all);
    CHECK(first == parts.size());
    while (got.size() < all.size()) {
      const ssize_t n = ::read(wired.front.get(), buffer.data(), buffer.size());
      REQUIRE(n > 0);
      got.append(buffer, 0, static_cast<std::size_t>(n));
    }
    CHECK(got == all);
  }

  TEST_CASE("a front that is gone breaks it") {
    Wired wired;
    wired.front.reset();
    std::vector<std::string> texts{"a", "b"};
    std::vector<iovec> parts = parts_of(texts);
    std::size_t first = 0;
    CHECK(send_parts(wired.server.get(), parts, first) == Sending::broken);
  }

  TEST_CASE("a file gets all parts, or it is said that it did not") {
    const TemporaryFolder folder;
    const support::UniqueFd file = open_spool_file(folder.path());
    std::vector<std::string> texts{"ab", "", "cde"};
    CHECK(write_parts(file.get(), parts_of(texts)));
    std::string content(10, '\0');
    content.resize(static_cast<std::size_t>(::pread(file.get(), content.data(), 10, 0)));
    CHECK(content == "abcde");
    const support::UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    CHECK_FALSE(write_parts(full.get(), parts_of(texts)));
  }

  TEST_CASE("own bytes are appended in the room that was asked for") {
    OwnBytes bytes;
    CHECK(bytes.empty());
    bytes.reserve(5);
    const char* const before = bytes.data.get();
    std::vector<std::string> texts{"ab", "c"};
    bytes.append(parts_of(texts));
    CHECK(text_of(std::vector{bytes.part()}) == "abc");
    bytes.size = 0;
    bytes.reserve(4);  // there is more
    CHECK(bytes.data.get() == before);
    CHECK(bytes.room == 5);
  }
}

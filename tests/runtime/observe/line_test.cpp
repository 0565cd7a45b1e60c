#include "runtime/observe/line.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "runtime/support/unique_fd.hpp"

using namespace appd::observe;
using appd::support::UniqueFd;
using namespace std::chrono_literals;

namespace {

std::string text(std::string_view raw) {
  Line line;
  append_text(line, raw);
  return fmt::to_string(line);
}

std::string quoted(std::string_view raw) {
  Line line;
  append_quoted(line, raw);
  return fmt::to_string(line);
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
  void set_nonblocking() { REQUIRE(::fcntl(writing.get(), F_SETFL, O_NONBLOCK) == 0); }
  std::size_t fill() {
    const std::string block(4096, '#');
    std::size_t filled = 0;
    for (ssize_t n; (n = ::write(writing.get(), block.data(), block.size())) > 0;) {
      filled += static_cast<std::size_t>(n);
    }
    return filled;
  }
  std::string read_to_end_slowly() {
    std::string all;
    std::array<char, 4096> bytes;
    for (ssize_t n; (n = ::read(reading.get(), bytes.data(), bytes.size())) > 0;) {
      all.append(bytes.data(), static_cast<std::size_t>(n));
      std::this_thread::sleep_for(500us);
    }
    return all;
  }

  UniqueFd reading, writing;
};

}  // namespace

TEST_SUITE("line") {
  TEST_CASE("text: what is printable stays, also beyond ASCII") {
    for (const std::string_view raw :
         {"plain \"text\" with \\ and \t", "caf\xc3\xa9", "\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80",
          "\xe2\x82\xac", "\xed\x9f\xbf", "\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xf3\xa0\x80\x81",
          "\xf4\x8f\xbf\xbf"}) {
      CHECK(text(raw) == raw);
    }
  }

  TEST_CASE("text: control characters and broken UTF-8 become escapes") {
    CHECK(text("a\nb\r\x1b[31m\x7f") == "a\\x0ab\\x0d\\x1b[31m\\x7f");
    CHECK(text(std::string_view("\0", 1)) == "\\x00");
    CHECK(text("\xc2\x9b") == "\\xc2\\x9b");                    // a control character of ISO 8859
    CHECK(text("\xc0\xaf") == "\\xc0\\xaf");                    // longer than it need be
    CHECK(text("\xe0\x9f\xbf") == "\\xe0\\x9f\\xbf");           // the same
    CHECK(text("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // half of a surrogate pair
    CHECK(text("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond Unicode
    CHECK(text("\xe2\x82") == "\\xe2\\x82");                    // cut
    CHECK(text("\xe2\x82x") == "\\xe2\\x82x");
    CHECK(text("\xff\x80 ok") == "\\xff\\x80 ok");
  }

  TEST_CASE("quoted: only what cannot end the quotation stays") {
    CHECK(quoted("GET /a?b=c d~") == "GET /a?b=c d~");
    CHECK(quoted("\" \\ \n\t\x7f\xc3\xa9") == "\\x22 \\x5c \\x0a\\x09\\x7f\\xc3\\xa9");
  }

  TEST_CASE("times are UTC") {
    const std::chrono::system_clock::time_point time{1'795'167'086'123ms};
    Line iso;
    append_iso_time(iso, time);
    CHECK(fmt::to_string(iso) == "2026-11-20T09:31:26.123Z");
    Line common;
    append_common_time(common, time);
    CHECK(fmt::to_string(common) == "20/Nov/2026:09:31:26 +0000");
  }

  TEST_CASE("a line is written with one call") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) == 0);
    const UniqueFd reading(ends[0]), writing(ends[1]);
    write_line(writing.get(), std::string(5000, 'x'));
    std::array<char, 8192> bytes;
    CHECK(::recv(reading.get(), bytes.data(), bytes.size(), 0) == 5000);
  }

  TEST_CASE("a slow reader is waited for as long as it reads, and short writes are continued") {
    Pipe pipe;
    pipe.set_nonblocking();
    const std::size_t filled = pipe.fill();
    const std::string line(100'000, 'x');
    std::string got;
    std::thread reader([&] { got = pipe.read_to_end_slowly(); });
    write_line(pipe.writing.get(), line);
    pipe.writing.reset();
    reader.join();
    const bool complete = got == std::string(filled, '#') + line;
    CHECK(complete);  // not the texts: they are long
  }

  TEST_CASE("a pipe that nobody empties costs a bounded wait") {
    Pipe pipe;
    pipe.set_nonblocking();
    pipe.fill();
    const auto before = std::chrono::steady_clock::now();
    write_line(pipe.writing.get(), "lost\n");
    const auto waited = std::chrono::steady_clock::now() - before;
    CHECK(waited >= 150ms);
    CHECK(waited < 5s);
  }

  TEST_CASE("a descriptor that takes nothing is given up") {
    ::signal(SIGPIPE, SIG_IGN);
    Pipe pipe;
    pipe.reading.reset();
    write_line(pipe.writing.get(), "lost\n");
    write_line(-1, "lost\n");
  }
}

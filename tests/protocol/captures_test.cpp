#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "protocol/decoder_cases.hpp"

namespace appd::protocol {
namespace {

using namespace testing;
namespace fs = std::filesystem;

const fs::path kFolder = fs::path(APPD_TEST_DATA) / "captures";

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string read_hex(const fs::path& path) {
  std::string digits = read_text(path);
  std::erase(digits, '\n');
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

std::vector<std::string> read_lines(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

Wire wire_of(const std::string& capture) {
  if (capture.find("_uwsgi") != std::string::npos) return Wire::uwsgi;
  if (capture.find("_scgi") != std::string::npos) return Wire::scgi;
  return Wire::fastcgi;
}

template <typename Check>
void for_each_capture(Check check) {
  std::size_t captures = 0;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".hex") continue;
    const auto name = entry.path().stem().string();
    CAPTURE(name);
    check(name, read_hex(entry.path()));
    ++captures;
  }
  CHECK_GT(captures, 200);
}

TEST_SUITE("captures of real front servers") {
  TEST_CASE("decode to the variables and bodies that were sent, however they are cut") {
    for_each_capture([](const std::string& name, const std::string& bytes) {
      Driving driving;
      if (name.find("_hang") != std::string::npos) driving.release = Driving::Release::never;
      const auto expected = read_lines(kFolder / (name + ".expected"));
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

// Loads the recorded bytes of real fronts.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "protocol/decoder.hpp"

/// What real front servers sent; see tests/data/captures/README.md.
namespace appd::protocol::testing {

inline const std::filesystem::path kCaptures = std::filesystem::path(APPD_TEST_DATA) / "captures";

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string read_hex(const std::filesystem::path& path) {
  std::string digits = read_text(path);
  std::erase(digits, '\n');
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

inline std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

inline Wire wire_of(const std::string& capture) {
  if (capture.find("_uwsgi") != std::string::npos) return Wire::uwsgi;
  if (capture.find("_scgi") != std::string::npos) return Wire::scgi;
  return Wire::fastcgi;
}

/// Calls `check(name, bytes)` for each capture.
template <typename Check>
void for_each_capture(Check check) {
  std::size_t captures = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kCaptures)) {
    if (entry.path().extension() != ".hex") continue;
    const auto name = entry.path().stem().string();
    CAPTURE(name);
    check(name, read_hex(entry.path()));
    ++captures;
  }
  CHECK_GT(captures, 200);
}

}  // namespace appd::protocol::testing

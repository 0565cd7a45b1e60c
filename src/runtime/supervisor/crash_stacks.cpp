// Reorders and shortens what faulthandler wrote.

#include "runtime/supervisor/crash_stacks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "runtime/support/lines.hpp"

namespace appd::supervisor {
namespace {

constexpr std::size_t kMostLines = 100;
constexpr std::size_t kLongestLine = 400;

using Lines = std::vector<std::string_view>;

/// Parts are separated by empty lines.
std::vector<Lines> split(std::string_view dump) {
  std::vector<Lines> parts(1);
  while (!dump.empty()) {
    const std::string_view line = support::take_line(dump);
    if (!line.empty()) {
      parts.back().push_back(line.substr(0, kLongestLine));
    } else if (!parts.back().empty()) {
      parts.emplace_back();
    }
  }
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

int rank(const Lines& part) {
  const std::string_view title = part.front();
  if (title.starts_with("Current thread ")) return 1;
  if (title.starts_with("Extension modules: ")) return 2;
  if (title.starts_with("Current thread's C stack ")) return 3;  // CPython 3.14 and newer
  if (title.starts_with("Thread ")) return 4;
  return 0;  // the line that says what has happened
}

}  // namespace

std::string arrange_stacks(std::string_view dump) {
  std::vector<Lines> parts = split(dump);
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Lines& a, const Lines& b) { return rank(a) < rank(b); });
  std::string text;
  std::size_t count = 0;
  for (const Lines& part : parts) {
    for (const std::string_view line : part) {
      if (++count <= kMostLines) text.append(text.empty() ? "" : "\n").append(line);
    }
  }
  if (count > kMostLines) text += fmt::format("\n({} more lines)", count - kMostLines);
  return text;
}

}  // namespace appd::supervisor

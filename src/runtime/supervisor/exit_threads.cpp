// Matches threads that Python waited for with the stacks that were left.

#include "runtime/supervisor/exit_threads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "runtime/logging/line.hpp"
#include "runtime/support/lines.hpp"

namespace appd::supervisor {
namespace {

struct Thread {
  std::string_view number;
  std::string_view name;
};

std::vector<Thread> parse(std::string_view threads) {
  std::vector<Thread> all;
  while (!threads.empty()) {
    const std::string_view line = support::take_line(threads);
    const std::size_t space = line.find(' ');
    if (line.starts_with("0x") && space != line.npos) {
      all.push_back({line.substr(0, space), line.substr(space + 1)});
    }
  }
  return all;
}

}  // namespace

std::string describe_exit_threads(std::string_view threads, std::string_view stacks) {
  std::vector<Thread> all = parse(threads);
  const auto has_stack = [stacks](const Thread& thread) {
    return stacks.find(thread.number) != stacks.npos;
  };
  if (std::any_of(all.begin(), all.end(), has_stack)) {
    std::erase_if(all, [&](const Thread& thread) { return !has_stack(thread); });
  } else if (!stacks.empty()) {
    return "";
  }
  if (all.empty()) return "";
  logging::Line names;
  for (const Thread& thread : all) {
    logging::append_text(names, names.size() > 0 ? ", " : "");
    logging::append_text(names, thread.name);
  }
  return fmt::format("; its thread{} {} still ran", all.size() > 1 ? "s" : "",
                     fmt::to_string(names));
}

}  // namespace appd::supervisor

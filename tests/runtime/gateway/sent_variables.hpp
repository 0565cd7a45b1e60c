// Variables written as lines of text.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/gateway/variables.hpp"

namespace appd::gateway::test {

using NamesAndValues = std::vector<std::pair<std::string, std::string>>;

/// "NAME=value" lines as a list, in their order.
inline NamesAndValues lines(std::string_view text) {
  NamesAndValues list;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    list.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return list;
}

/// Fills a block as a decoder does.
inline void fill(VariableBlock& block, const NamesAndValues& list) {
  block.clear();
  std::size_t size = 0;
  for (const auto& [name, value] : list) size += name.size() + value.size();
  block.bytes.reserve(size);  // the views must stay valid
  const auto store = [&](const std::string& text) {
    const std::size_t at = block.bytes.size();
    block.bytes.insert(block.bytes.end(), text.begin(), text.end());
    return std::string_view(block.bytes.data() + at, text.size());
  };
  for (const auto& [name, value] : list) {
    const std::string_view name_view = store(name);
    block.variables.push_back({name_view, store(value)});
  }
}

}  // namespace appd::gateway::test

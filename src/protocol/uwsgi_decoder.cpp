// Reads uwsgi's packet header and variables.

#include "protocol/uwsgi_decoder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/variable_parsers.hpp"

namespace appd::protocol {
namespace {

constexpr std::size_t kHeaderSize = 4;
constexpr std::uint8_t kWsgi = 0;
constexpr std::uint8_t kWsgiManagingPathInfo = 30;
constexpr std::uint8_t kPing = 100;
constexpr std::string_view kPong{"\x64\0\0\1", kHeaderSize};  // modifier2 1, no warning text

gateway::Variable* find(std::vector<gateway::Variable>& variables, std::string_view name) {
  const auto found = std::find_if(variables.begin(), variables.end(),
                                  [&](const gateway::Variable& each) { return each.name == name; });
  return found == variables.end() ? nullptr : &*found;
}

/// Modifier 30: PATH_INFO was sent as the whole path; SCRIPT_NAME's part does not belong to it.
void cut_script_name(std::vector<gateway::Variable>& variables) {
  const auto* script = find(variables, "SCRIPT_NAME");
  auto* path = find(variables, "PATH_INFO");
  if (script == nullptr || path == nullptr) return;
  auto prefix = script->value;
  while (!prefix.empty() && prefix.back() == '/') prefix.remove_suffix(1);
  if (path->value.substr(0, prefix.size()) != prefix) return;
  const auto rest = path->value.substr(prefix.size());
  if (rest.empty() || rest.front() == '/') path->value = rest;
}

}  // namespace

Event UwsgiDecoder::on_head(std::string_view& input) {
  if (header_.size() < kHeaderSize) {
    header_ += take(input, kHeaderSize - header_.size());
    if (header_.size() < kHeaderSize) return {};
  }
  if (modifier() == kPing) return reply_and_close(kPong);
  if (modifier() != kWsgi && modifier() != kWsgiManagingPathInfo) {
    return refuse(
        501, fmt::format("uwsgi modifier1 {} is not served: only 0 and 30 (WSGI) are", modifier()));
  }
  return collect_block(input, block_size()) ? on_block() : Event{};
}

Event UwsgiDecoder::on_block() {
  auto& variables = block().variables;
  const auto rest = parse_uwsgi_variables(block_bytes(), variables);
  if (exceeds_limit(block_size())) {
    return refuse(431, describe_excess(max_params(), variables, rest));
  }
  if (are_too_many(variables)) return refuse(431, describe_too_many());
  if (rest) {
    return refuse(
        400, fmt::format("malformed uwsgi packet: the variable at byte {} of the connection {}",
                         kHeaderSize + rest.offset, rest.problem));
  }
  if (variables.empty()) return refuse(400, "a uwsgi packet without variables");
  if (modifier() == kWsgiManagingPathInfo) cut_script_name(variables);
  return complete();
}

}  // namespace appd::protocol

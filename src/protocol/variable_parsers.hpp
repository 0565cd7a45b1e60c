#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/variables.hpp"

namespace appd::protocol {

/// The variable at which a parser stopped because it is not whole: the block is malformed, or its
/// end has not come yet.
struct Unparsed {
  const char* problem = nullptr;  ///< null: everything was parsed. Completes "the variable …"
  std::size_t offset = 0;         ///< where in the block the variable begins
  std::string_view name;          ///< what is there of it
  std::uint64_t size = 0;         ///< of name and value, as declared or at least as far as known

  explicit operator bool() const noexcept { return problem != nullptr; }
};

/// A request may have as many variables, whatever their size: each costs several times what it is
/// on the wire until the request is answered. Fronts send some thirty and the client's headers.
inline constexpr std::size_t kMostVariables = 1000;

/// Append the variables in `block`, as views into it, to `out`, which was empty. One per wire. They
/// stop, as if that were all, at the one that is too many.
Unparsed parse_fastcgi_pairs(std::string_view block, std::vector<gateway::Variable>& out);
Unparsed parse_uwsgi_variables(std::string_view block, std::vector<gateway::Variable>& out);
Unparsed parse_scgi_headers(std::string_view block, std::vector<gateway::Variable>& out);

/// Says that a request's variables exceed `max_params` (the setting is named), and which of them is
/// the largest as far as they were `parsed`.
std::string describe_excess(std::size_t max_params, const std::vector<gateway::Variable>& parsed,
                            const Unparsed& rest);

inline bool are_too_many(const std::vector<gateway::Variable>& parsed) noexcept {
  return parsed.size() > kMostVariables;
}
std::string describe_too_many();

}  // namespace appd::protocol

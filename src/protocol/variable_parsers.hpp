// Blocks of variables as FastCGI, uwsgi and SCGI encode them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/variables.hpp"

namespace appd::protocol {

/// The variable at which a parser stopped because it is incomplete: the block is malformed, or its
/// end has not arrived yet.
struct Unparsed {
  /// Null if everything was parsed; else completes "the variable …".
  const char* problem = nullptr;
  std::size_t offset = 0;  ///< where in the block the variable begins
  std::string_view name;   ///< as much of it as is there
  std::uint64_t size = 0;  ///< of name and value, as declared or as far as known

  explicit operator bool() const noexcept { return problem != nullptr; }
};

/// The largest number of variables in a request, whatever their size: until the request is
/// answered, each costs several times its size on the wire. Fronts send some thirty, and the
/// client's headers.
inline constexpr std::size_t kMostVariables = 1000;

/// Append the variables in `block`, as views into it, to `out`, which must be empty. One function
/// per wire. They stop at the first variable too many, as if the block ended there.
Unparsed parse_fastcgi_pairs(std::string_view block, std::vector<gateway::Variable>& out);
Unparsed parse_uwsgi_variables(std::string_view block, std::vector<gateway::Variable>& out);
Unparsed parse_scgi_headers(std::string_view block, std::vector<gateway::Variable>& out);

/// Says that a request's variables exceed `max_params`, names the setting, and names the largest
/// variable among those `parsed`.
std::string describe_excess(std::size_t max_params, const std::vector<gateway::Variable>& parsed,
                            const Unparsed& rest);

inline bool are_too_many(const std::vector<gateway::Variable>& parsed) noexcept {
  return parsed.size() > kMostVariables;
}
std::string describe_too_many();

}  // namespace appd::protocol

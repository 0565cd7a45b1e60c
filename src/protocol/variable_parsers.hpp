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

/// Append the variables in `block`, as views into it, to `out`. One per wire.
Unparsed parse_fastcgi_pairs(std::string_view block, std::vector<gateway::Variable>& out);
Unparsed parse_uwsgi_variables(std::string_view block, std::vector<gateway::Variable>& out);
Unparsed parse_scgi_headers(std::string_view block, std::vector<gateway::Variable>& out);

/// Says that a request's variables exceed `max_params` (the setting is named), and which of them is
/// the largest as far as they were `parsed`.
std::string describe_excess(std::size_t max_params, const std::vector<gateway::Variable>& parsed,
                            const Unparsed& rest);

}  // namespace appd::protocol

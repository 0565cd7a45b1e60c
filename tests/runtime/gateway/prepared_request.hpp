// Requests that are prepared from variables written as lines.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/gateway/request.hpp"
#include "runtime/gateway/sent_variables.hpp"

namespace appd::gateway::test {

inline constexpr std::string_view kGet = "REQUEST_METHOD=GET\nREQUEST_URI=/x\n";
inline constexpr std::string_view kPost = "REQUEST_METHOD=POST\nREQUEST_URI=/x\n";

inline std::optional<Refusal> prepare(Request& request, const NamesAndValues& sent,
                                      const EnvironPolicy& policy, BodyEnd body_end,
                                      NameLayouts& layouts) {
  request.clear();
  fill(request.block(), sent);
  return request.prepare(policy, body_end, layouts);
}

/// Prepares it like the first request that is ever seen.
inline std::optional<Refusal> prepare(Request& request, const NamesAndValues& sent,
                                      const EnvironPolicy& policy = {},
                                      BodyEnd body_end = BodyEnd::on_wire) {
  NameLayouts layouts;
  return prepare(request, sent, policy, body_end, layouts);
}

inline bool has(const Request& request, std::string_view name) {
  const auto environ = request.environ();
  return std::any_of(environ.begin(), environ.end(),
                     [&](const Variable& variable) { return variable.name == name; });
}

inline std::string with(std::string_view base, std::string_view more) {
  return std::string(base).append(more);
}

/// A prepared request of `base` and the lines of `more`.
struct Prepared {
  Request request;
  std::optional<Refusal> refusal;

  Prepared(std::string_view base, std::string_view more, const EnvironPolicy& policy = {},
           BodyEnd body_end = BodyEnd::on_wire) {
    refusal = prepare(request, lines(with(base, more)), policy, body_end);
  }
  std::string_view operator[](std::string_view name) const { return request.find(name); }
};

}  // namespace appd::gateway::test

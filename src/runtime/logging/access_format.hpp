#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/logging/line.hpp"

namespace appd::logging {

/// The combined log format, with the time in the queue and in the application apart.
inline constexpr std::string_view kDefaultAccessFormat =
    R"({remote} {user} [{time}] "{method} {uri} {protocol}" {status} {bytes} "{referer}" "{agent}" )"
    R"(queue={queue_ms} app={app_ms})";

/// How a line of the access log looks. Placeholders:
///   {remote} {user} {method} {uri} {protocol} {host} {referer} {agent}   texts; "-" when empty
///   {status} {bytes}                                                     numbers
///   {queue_ms} {app_ms}                                                  milliseconds, "1.234"
///   {time} {time_iso}                                                    UTC, end of the request
/// "{{" and "}}" stand for the braces themselves. Immutable, so any thread may use it.
class AccessFormat {
 public:
  /// Throws std::invalid_argument that names what is wrong and lists the placeholders.
  explicit AccessFormat(std::string_view format);

  /// Appends one line without its end; texts are escaped, so that none can forge a line or a field.
  /// {referer} and {agent} keep their blanks between quotation marks.
  void append(Line& line, const gateway::AccessRecord& record,
              std::chrono::system_clock::time_point now) const;

 private:
  using AppendField = void (*)(Line&, const gateway::AccessRecord&,
                               std::chrono::system_clock::time_point);
  struct Part {
    std::string literal;  ///< goes before the field
    AppendField append_field;
  };

  std::vector<Part> parts_;
  std::string tail_;
};

}  // namespace appd::logging

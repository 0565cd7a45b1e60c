// The format of the access log's lines.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/logging/line.hpp"

namespace appd::logging {

/// The combined log format, followed by the time in the queue and the time in the application.
inline constexpr std::string_view kDefaultAccessFormat =
    R"({remote} {user} [{time}] "{method} {uri} {protocol}" {status} {bytes} "{referer}" "{agent}" )"
    R"(queue={queue_ms} app={app_ms})";

/// The format of a line of the access log. Placeholders:
///   {remote} {user} {method} {uri} {protocol} {host} {referer} {agent}   texts; "-" if empty
///   {status} {bytes}                                                     numbers
///   {queue_ms} {app_ms}                                                  milliseconds, "1.234"
///   {time} {time_iso}                                                    UTC, end of the request
///   {brief} {brief_color}                                                a whole line:
///   brief_line.hpp
/// "{{" and "}}" stand for the braces themselves. Immutable, so any thread may use it.
class AccessFormat {
 public:
  /// Throws std::invalid_argument that names the mistake and lists the placeholders.
  explicit AccessFormat(std::string_view format);

  /// Appends one line without its end. Texts are escaped, so none can forge a line or a field. In
  /// quotation marks {referer} and {agent} keep their blanks.
  void append(Line& line, const gateway::AccessRecord& record,
              std::chrono::system_clock::time_point now) const;

 private:
  using AppendField = void (*)(Line&, const gateway::AccessRecord&,
                               std::chrono::system_clock::time_point);
  struct Part {
    std::string literal;  ///< precedes the field
    AppendField append_field;
  };

  std::vector<Part> parts_;
  std::string tail_;
};

}  // namespace appd::logging

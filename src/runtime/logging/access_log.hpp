#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/gateway/reporter.hpp"
#include "runtime/logging/access_format.hpp"
#include "runtime/logging/log_sink.hpp"
#include "runtime/support/account.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::logging {

/// Where one line per request goes. Any thread may write; processes may share the file. What its
/// sink owes is for the owner to see to.
class AccessLog {
 public:
  /// `target`: "-" is stdout, else a file that is appended to (made with mode 0640). `format`: ""
  /// is the default. `account`: see support::open_for. Throws std::system_error,
  /// std::runtime_error, std::invalid_argument (see AccessFormat).
  AccessLog(const std::string& target, std::string_view format,
            const support::Account* account = nullptr);

  void write(const gateway::AccessRecord& record) noexcept;
  /// Goes on in what its target is now, if both are regular files: the former may have been moved
  /// away. Any thread may write meanwhile. Throws as the constructor does, and goes on as before.
  void reopen();
  /// Goes on in a copy of this.
  void go_on_in(int fd) noexcept;
  /// −1: it is no regular file.
  int file() const noexcept;
  LogSink& sink() noexcept { return sink_; }

 private:
  const std::string target_;
  const std::optional<support::Account> account_;
  AccessFormat format_;
  support::UniqueFd fd_;
  LogSink sink_;
};

}  // namespace appd::logging

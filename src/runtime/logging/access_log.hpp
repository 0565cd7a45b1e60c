// The access log: one line per request.
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

/// Writes one line per request. Any thread may write; processes may share the file. Lines that the
/// sink still holds are its owner's to flush.
class AccessLog {
 public:
  /// `target`: "-" means stdout; anything else is a file, which is appended to (created with mode
  /// 0640). `format`: "" means the default. For `account` see support::open_for. Throws
  /// std::system_error, std::runtime_error, std::invalid_argument (see AccessFormat).
  AccessLog(const std::string& target, std::string_view format,
            const support::Account* account = nullptr);
  /// Goes on in what another process has opened. It cannot be opened anew here. Throws
  /// std::invalid_argument.
  AccessLog(support::UniqueFd fd, std::string_view format);

  void write(const gateway::AccessRecord& record) noexcept;
  /// Opens the target anew and continues there, if old and new are regular files: the old one may
  /// have been moved away. Other threads may write meanwhile. Throws like the constructor; then the
  /// log continues as before.
  void reopen();
  /// Continues in a copy of `fd`.
  void go_on_in(int fd) noexcept;
  int fd() const noexcept { return fd_.get(); }
  /// −1 if it is not a regular file.
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

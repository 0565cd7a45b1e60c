// Callers on the control socket that wait for an outcome.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/supervisor/control_socket.hpp"

namespace appd::supervisor {

/// Callers that wait for the same outcome. They are told together, and nobody is told twice.
class Callers {
 public:
  /// Borrowed; null if there is no control socket, and so no caller.
  explicit Callers(ControlSocket* control) noexcept : control_(control) {}
  /// Takes over all callers of the other.
  Callers(Callers&& other) noexcept;
  Callers& operator=(Callers&&) = delete;

  /// Adds a caller, and drops those that have gone away.
  void add(ControlSocket::Caller caller);
  /// Adds a caller that the previous program in this process has left.
  void adopt(support::UniqueFd fd);
  /// The descriptors of the callers that are still there.
  std::vector<int> descriptors() const;

  void succeed(std::string_view text) noexcept;
  void fail(std::string_view text) noexcept;

 private:
  ControlSocket* control_;
  std::vector<ControlSocket::Caller> callers_;
};

/// A reload or an upgrade that is wanted and has not begun.
struct PendingAction {
  bool wanted = false;
  Callers callers;  ///< empty if a signal asked for it
};

}  // namespace appd::supervisor

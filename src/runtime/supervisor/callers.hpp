// Callers on the control socket that wait for an outcome.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/supervisor/control_socket.hpp"

namespace appd::supervisor {

/// Those that have asked for one thing, and are told together how it went. Nobody is told twice.
class Callers {
 public:
  /// Borrowed; null if there is no control socket, and so no caller.
  explicit Callers(ControlSocket* control) noexcept : control_(control) {}
  /// Takes all from the other.
  Callers(Callers&& other) noexcept;
  Callers& operator=(Callers&&) = delete;

  /// One more, in the place of those that have gone away meanwhile.
  void add(ControlSocket::Caller caller);
  /// One that another program in this process has left.
  void adopt(support::UniqueFd fd);
  /// Of those that are still there.
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
  Callers callers;  ///< none of them if a signal wants it
};

}  // namespace appd::supervisor

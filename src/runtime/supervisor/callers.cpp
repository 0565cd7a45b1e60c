// Keeps callers until they are told.

#include "runtime/supervisor/callers.hpp"

#include <algorithm>
#include <utility>

namespace appd::supervisor {

Callers::Callers(Callers&& other) noexcept
    : control_(other.control_), callers_(std::exchange(other.callers_, {})) {}

void Callers::add(ControlSocket::Caller caller) {
  std::erase_if(callers_, [this](auto each) { return control_->fd_of(each) < 0; });
  callers_.push_back(caller);
}

void Callers::adopt(support::UniqueFd fd) {
  callers_.push_back(control_->adopt(std::move(fd)));
}

std::vector<int> Callers::descriptors() const {
  std::vector<int> descriptors;
  for (const ControlSocket::Caller caller : callers_) {
    if (const int fd = control_->fd_of(caller); fd >= 0) descriptors.push_back(fd);
  }
  return descriptors;
}

void Callers::succeed(std::string_view text) noexcept {
  for (const ControlSocket::Caller caller : std::exchange(callers_, {})) {
    control_->succeed(caller, text);
  }
}

void Callers::fail(std::string_view text) noexcept {
  for (const ControlSocket::Caller caller : std::exchange(callers_, {})) {
    control_->fail(caller, text);
  }
}

}  // namespace appd::supervisor

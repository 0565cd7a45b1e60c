// start_response and write, as Python callables.
#pragma once

#include <optional>
#include <thread>

#include "runtime/python/bound_function.hpp"
#include "runtime/python/live_counters.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

class Response;

/// The start_response callable of a request, and the write callable that it returns. An application
/// may keep either. Before `attach` and after `detach` every use raises RuntimeError.
class StartResponse {
 public:
  /// Made on the call's pool thread.
  explicit StartResponse(Response& response) noexcept;

  /// The heap type of start_response objects.
  static Ref make_type();
  /// A new object of that type, and its write callable.
  static BoundFunction make(PyObject* type, Response& response);
  /// The value of an object made by `make`.
  static StartResponse& of(PyObject* object) noexcept;

  /// Serves the present request. `write` is what start_response returns; it must stay alive until
  /// `detach`.
  void attach(PyObject* write) noexcept { write_ = write; }
  void detach() noexcept { write_ = nullptr; }
  /// The application keeps the object, for as long as it likes.
  void leave(LiveCounters& live) noexcept { kept_.emplace(live.responders); }

  Response& response() const;
  /// For write(), which may wait: only on the call's own thread.
  Response& response_for_sending() const;
  Ref write() const { return Ref::borrow(write_); }

 private:
  std::optional<Counted> kept_;
  Response* const response_;
  PyObject* write_ = nullptr;  // while attached
  const std::thread::id thread_;
};

}  // namespace appd::python

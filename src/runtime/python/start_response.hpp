#pragma once

#include <thread>

#include "runtime/python/live_counters.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

class Response;

/// The start_response callable of one request, and through it the write callable. An application
/// may keep either; after `detach` every use raises RuntimeError.
class StartResponse {
 public:
  /// Made on the call's pool thread.
  StartResponse(Response& response, LiveCounters& live) noexcept;

  /// The heap type of start_response objects.
  static Ref make_type();
  /// A new object of that type.
  static Ref make(PyObject* type, Response& response, LiveCounters& live);
  /// Ends what `object`, made by `make`, can do.
  static void detach(PyObject* object) noexcept;

  Response& response() const;
  /// For write(), which may wait: only on the call's own thread.
  Response& response_for_sending() const;

 private:
  Counted counted_;
  Response* response_;  // null once detached
  const std::thread::id thread_;
};

}  // namespace appd::python

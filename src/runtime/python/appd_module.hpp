// The Python module that applications share with appd.
#pragma once

#include "runtime/python/ref.hpp"

namespace appd::python {

/// The module `appd`, which applications may import (python/appd/__init__.py.in). A Python that has
/// been executed as a worker has imported it already. Otherwise it is made from its text, which is
/// built in, before the application is imported; so no module of the application's has that name.
class AppdModule {
 public:
  /// Construct, use and destroy it holding the interpreter. Throws StartError.
  AppdModule();

  /// The exception raised in an interrupted call.
  const Ref& request_timeout() const noexcept { return request_timeout_; }
  /// What `appd.worker()` returns from now on. Throws PythonError.
  void set_worker(unsigned number);

 private:
  Ref module_;
  Ref request_timeout_;
};

}  // namespace appd::python

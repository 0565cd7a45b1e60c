// The Python module that applications share with appd.
#pragma once

#include "runtime/python/ref.hpp"

namespace appd::python {

/// The module `appd`, which applications may import. It exists before they do, and replaces any
/// module of theirs with that name.
class AppdModule {
 public:
  /// Makes the module and puts it into sys.modules. Construct and destroy it holding the
  /// interpreter. Throws StartError.
  AppdModule();

  /// The exception raised in an interrupted call. It derives from BaseException: frameworks turn
  /// each Exception into a response, and a call that is given up should not go on.
  const Ref& request_timeout() const noexcept { return request_timeout_; }

 private:
  Ref request_timeout_;
};

}  // namespace appd::python

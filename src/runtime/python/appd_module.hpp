#pragma once

#include "runtime/python/ref.hpp"

namespace appd::python {

/// The module `appd`, which applications may import: what they share with the server. It is there
/// before they are, in place of any module of theirs with that name.
class AppdModule {
 public:
  /// Makes it and puts it into sys.modules. Holding the interpreter, as for its end. Throws
  /// StartError.
  AppdModule();

  /// What is raised in a call that has been interrupted. It derives from BaseException: frameworks
  /// make a response of each Exception, and an application that is given up should not go on.
  const Ref& request_timeout() const noexcept { return request_timeout_; }

 private:
  Ref request_timeout_;
};

}  // namespace appd::python

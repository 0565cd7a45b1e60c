// The chunks of what an application returned.
#pragma once

#include "runtime/python/ref.hpp"

namespace appd::python {

/// Throws ResponseError unless `chunk` is bytes.
void require_bytes(PyObject* chunk);

/// Iterates over what the application returned. Uses only __iter__, __next__ and __len__ (PEP 3333,
/// "Specification Details").
class ChunkIterator {
 public:
  /// Throws ResponseError if `result` is a str or not iterable, PythonError if its __iter__ raises.
  explicit ChunkIterator(PyObject* result);

  /// True if `result` says that it has exactly one chunk.
  bool has_single() const noexcept { return single_; }

  /// The next chunk, always bytes; null at the end.
  Ref next();

 private:
  const bool single_;
  const Ref iterator_;
};

}  // namespace appd::python

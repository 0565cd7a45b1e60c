#pragma once

#include "runtime/python/ref.hpp"

namespace appd::python {

/// Throws ResponseError unless `chunk` is bytes.
void require_bytes(PyObject* chunk);

/// Iterates over what the application returned. Asks for nothing of it but __iter__, __next__ and
/// __len__ (PEP 3333, "Specification Details").
class ChunkIterator {
 public:
  /// Throws ResponseError when `result` cannot be iterated over, or is a str; PythonError when its
  /// __iter__ raises.
  explicit ChunkIterator(PyObject* result);

  /// True when `result` says that it has exactly one chunk.
  bool has_single() const noexcept { return single_; }

  /// The next chunk, which is bytes; null at the end.
  Ref next();

 private:
  const bool single_;
  const Ref iterator_;
};

}  // namespace appd::python

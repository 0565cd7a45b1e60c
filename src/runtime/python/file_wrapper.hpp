// wsgi.file_wrapper: responses from files.
#pragma once

#include <optional>

#include "runtime/gateway/exchange.hpp"
#include "runtime/python/live_counters.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// wsgi.file_wrapper (PEP 3333, "Optional Platform-Specific File Handling"): a Python type, called
/// as file_wrapper(filelike, blksize=8192). Instances iterate over read(blksize), and have `close`
/// exactly if the file has it.
class FileWrapper {
 public:
  FileWrapper(Ref file, Py_ssize_t block_size, LiveCounters& live) noexcept
      : counted_(live.file_wrappers), file_(std::move(file)), block_size_(block_size) {}

  /// The heap type. Its instances count in `live`, which must outlive them.
  static Ref make_type(LiveCounters& live);

  /// The part of a regular file that reading `wrapper`, an instance, would give: from the file's
  /// position to its end. std::nullopt if only reading can tell, which is so for everything but a
  /// plain file of the io module: other methods may do more than read bytes (a GzipFile has a
  /// descriptor, too).
  static std::optional<gateway::FileRange> to_range(PyObject* wrapper);

  Ref read_block() const;
  PyObject* file() const noexcept { return file_.get(); }

  // For the garbage collector: the file may own its wrapper.
  int visit(visitproc visitor, void* argument) const;
  void clear() noexcept { file_.reset(); }

 private:
  Counted counted_;
  Ref file_;  // null only after the garbage collector has cleared it
  const Py_ssize_t block_size_;
};

}  // namespace appd::python

// The entry of the module appd._worker: a worker with the CPython that imports it.

#include "runtime/python/extension.hpp"
#include "worker_program/worker_program.hpp"

namespace {

/// Python has started already.
void run(int start_file) {
  appd::run_worker_program(start_file, [] {});
}

}  // namespace

// The name is Python's.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" __attribute__((visibility("default"))) void* PyInit__worker() {
  return appd::python::make_extension(run);
}

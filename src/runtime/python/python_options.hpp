// What a worker tells its interpreter at the start.
#pragma once

#include <string>
#include <vector>

namespace appd::python {

/// The operator's settings for Python, and what the worker knows about itself.
struct PythonOptions {
  std::string module;                   ///< which application: see `load_application`
  std::vector<std::string> pythonpath;  ///< put in front of sys.path, in this order
  bool multithread = false;             ///< wsgi.multithread: this process has several pool threads
  bool multiprocess = false;            ///< wsgi.multiprocess: there are other workers
  int crash_descriptor = -1;  ///< where the stacks of all threads go when a signal such as
                              ///< SIGSEGV ends the process; borrowed; −1 for nowhere
};

}  // namespace appd::python

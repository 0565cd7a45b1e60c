// What a worker tells its interpreter at the start.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace appd::python {

/// A server for one developer (development.hpp).
struct DevelopmentOptions {
  int failure = -1;        ///< the file for the traceback of a failed load; borrowed
  int reports = -1;        ///< the pipe to the master's ChangeWatcher; borrowed
  bool stands_in = false;  ///< if the load fails, an application takes its place that says why
  bool pages = false;      ///< error pages may be shown
  std::string open_url{};  ///< to be opened in a browser; "" for none
};

/// The operator's settings for Python, and what the worker knows about itself.
struct PythonOptions {
  std::string module;                   ///< which application: see `load_application`
  std::vector<std::string> pythonpath;  ///< put in front of sys.path, in this order
  bool multithread = false;             ///< wsgi.multithread: this process has several pool threads
  bool multiprocess = false;            ///< wsgi.multiprocess: there are other workers
  std::optional<DevelopmentOptions> development{};
  int crash_descriptor = -1;  ///< where the stacks of all threads go when a signal such as
                              ///< SIGSEGV ends the process; borrowed; −1 for nowhere
};

}  // namespace appd::python

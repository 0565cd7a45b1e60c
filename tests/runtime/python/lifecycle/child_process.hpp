// Runs CPython in a child process of a test.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "fakes/memory_reporter.hpp"
#include "runtime/python/embedded_python.hpp"
#include "runtime/python/interpreter.hpp"
#include "runtime/python/python_runtime.hpp"

namespace appd::test {

/// What a child process left.
struct Outcome {
  int status = -1;  ///< its exit code, or −1
  std::string output;
};

/// Runs `body` in a child process and collects its standard output. CPython can start only once in
/// a process, so each test that starts it needs a child. What `body` returns is the exit code; what
/// it throws is printed.
inline Outcome in_child(const std::function<int()>& body) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    int code = 99;
    try {
      code = body();
    } catch (const python::LoadError& error) {
      std::printf("LoadError: %s\n%s", error.what(), error.traceback().c_str());
    } catch (const python::StartError& error) {
      std::printf("StartError: %s\n", error.what());
    }
    std::fflush(nullptr);
    _exit(code);
  }
  close(ends[1]);
  Outcome outcome;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    outcome.output.append(buffer, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) outcome.status = WEXITSTATUS(status);
  return outcome;
}

/// A directory with files, removed at the end.
class Directory {
 public:
  Directory() {
    char name[] = "/tmp/appd-test-XXXXXX";
    if (mkdtemp(name) == nullptr) std::abort();
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  void add(const std::string& name, std::string_view text) const {
    const std::filesystem::path file = std::filesystem::path(path) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  std::string path;
};

inline python::PythonOptions for_module(std::string module) {
  python::PythonOptions options;
  options.module = std::move(module);
  return options;
}

using WithRuntime = std::function<int(python::PythonRuntime&)>;

/// Enters `directory` and runs `body` with a runtime that has loaded nothing yet. Once per process.
inline int with_runtime(const Directory& directory, const WithRuntime& body,
                        const python::PythonOptions& options = for_module("site_one")) {
  std::filesystem::current_path(directory.path);
  fakes::MemoryReporter reporter;
  python::start_embedded_python();
  python::leave_interrupts_to_the_system();
  python::PythonRuntime runtime(options, reporter);
  return body(runtime);
}

/// The same in a child.
inline Outcome in_runtime(const Directory& directory, const WithRuntime& body,
                          const python::PythonOptions& options = for_module("site_one")) {
  return in_child([&] { return with_runtime(directory, body, options); });
}

/// The same with a body that loads the application and ends Python.
inline Outcome load_and_finalize(const Directory& directory, const python::PythonOptions& options) {
  return in_runtime(
      directory,
      [](python::PythonRuntime& runtime) {
        runtime.load_application();
        return runtime.finalize() ? 0 : 1;
      },
      options);
}

}  // namespace appd::test

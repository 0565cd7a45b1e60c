// Tests of CPython's start, configuration and end.

#include "runtime/python/python_runtime.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "child_process.hpp"
#include "fakes/sanitizers.hpp"

TEST_SUITE_BEGIN("python runtime");

using namespace appd;
using namespace appd::test;

namespace {

/// Starts a runtime for the module `site_one` in `directory`, loads it, finalises.
Outcome run(const Directory& directory, python::PythonOptions options) {
  options.module = "site_one";
  return load_and_finalize(directory, options);
}

/// The output of an import that prints the value of an expression over sys and os.
std::string value_of(const std::string& expression, const python::PythonOptions& options = {}) {
  const Directory directory;
  directory.add("site_one.py", "import os, sys\nprint(" + expression + ")\napp = print\n");
  return run(directory, options).output;
}

int use_up_the_stack(int depth) {
  volatile char room[4096];
  room[0] = static_cast<char>(depth);
  if (depth == 1'000'000) return 0;  // 4 GB: no thread has that much stack
  return use_up_the_stack(depth + 1) + room[0];
}

/// What a process leaves whose application, or pool thread, crashes.
std::string left_by_crash(
    const Directory& directory, const std::function<void(unsigned)>& run = [](unsigned) {}) {
  const std::string path = directory.path + "/left";
  const int descriptor = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  python::PythonOptions options = for_module("site_one");
  options.crash_descriptor = descriptor;
  const Outcome outcome = in_child([&] {
    // Doctest has handlers of its own
    for (const int signal : {SIGABRT, SIGSEGV}) std::signal(signal, SIG_DFL);
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(STDOUT_FILENO, STDERR_FILENO);
    return with_runtime(
        directory,
        [&run](python::PythonRuntime& runtime) {
          runtime.load_application();
          runtime.start_pool(1, run);
          runtime.join_pool();
          return 0;
        },
        options);
  });
  close(descriptor);
  CHECK(outcome.status == -1);
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the version is that of the library") {
  CHECK(value_of("sys.version.split()[0]") == python::interpreter_version() + "\n");
}

TEST_CASE("sys is as a script would see it") {
  CHECK(value_of("sys.argv") == "['appd']\n");
  CHECK(value_of("os.path.basename(sys.executable).startswith('python')") == "True\n");
  CHECK(value_of("sys.path[0] == os.getcwd()") == "True\n");
  CHECK(value_of("sys.stdout.line_buffering, sys.stdout.fileno(), sys.stderr.fileno()") ==
        "True 1 2\n");
  CHECK(value_of("round(sys.getswitchinterval(), 6)") == "0.001\n");
}

TEST_CASE("pythonpath comes before the working directory, in its order, as absolute paths") {
  python::PythonOptions options;
  options.pythonpath = {"/first", "second"};
  CHECK(value_of("sys.path[:3] == ['/first', os.getcwd() + '/second', os.getcwd()]", options) ==
        "True\n");
}

TEST_CASE("PYTHON variables of the environment are honoured") {
  setenv("PYTHONPATH", "/from-environment", 1);
  const std::string shown = value_of("'/from-environment' in sys.path");
  unsetenv("PYTHONPATH");
  CHECK(shown == "True\n");
}

TEST_CASE("Python installs no signal handlers, ignores SIGPIPE, and lets the import set some") {
  const std::string caught =  // by handlers, as a mask
      "int(next(line for line in open('/proc/self/status') if line.startswith('SigCgt'))[7:], 16)";
  const std::string import = "__import__('signal') and ";
  const auto before = std::signal(SIGINT, SIG_DFL);  // the test runner's
  CHECK(value_of(import + caught + " & 1 << 1") == "0\n");
  std::signal(SIGINT, before);
  CHECK(value_of("int(__import__('signal').getsignal(13))") == "1\n");
  CHECK(value_of(import + "__import__('signal').signal(10, print) and 0 or " + caught +
                 " & 1 << 9") == "512\n");
}

TEST_CASE("finalize runs atexit handlers and flushes") {
  const Directory directory;
  directory.add("site_one.py",
                "import atexit, sys, threading\n"
                "atexit.register(lambda: sys.stdout.write('atexit without newline'))\n"
                "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
                "app = print\n");
  const Outcome outcome = run(directory, {});
  CHECK(outcome.status == 0);
  CHECK(outcome.output == "atexit without newline");
}

TEST_CASE("pool threads are Python threads with names, and run without the interpreter") {
  const Directory directory;
  directory.add("site_one.py",
                "import atexit, threading\n"
                "atexit.register(lambda: print('left:', threading.active_count()))\n"
                "app = print\n");
  const Outcome outcome = in_runtime(directory, [](python::PythonRuntime& runtime) {
    runtime.load_application();
    // All threads can be inside at once only if none of them holds the interpreter.
    std::atomic<unsigned> inside{0};
    std::atomic<unsigned> indices{0};
    runtime.start_pool(3, [&](unsigned index) {
      indices += 1U << index;
      ++inside;
      while (inside != 3) inside.wait(inside);
      inside.notify_all();
    });
    runtime.release_main();
    runtime.join_pool();
    if (indices != 7) return 2;
    return runtime.finalize() ? 0 : 1;
  });
  CHECK(outcome.status == 0);
  CHECK(outcome.output == "left: 1\n");
}

TEST_CASE("a fork runs the application's hooks once each, and Python goes on in both processes") {
  const Directory directory;
  // Two processes write. With PYTHONUNBUFFERED a print() would be two writes: the text, and the
  // line's end.
  directory.add(
      "site_one.py",
      "import atexit, gc, os, random, sys, threading\n"
      "def say(*words): os.write(1, (' '.join(map(str, words)) + '\\n').encode())\n"
      "os.register_at_fork(before=lambda: say('before'),\n"
      "                    after_in_parent=lambda: say('in the parent'),\n"
      "                    after_in_child=lambda: say('in the child'))\n"
      "random.seed(1)\n"
      "at_import = random.getstate()\n"
      "frozen = gc.get_freeze_count\n"
      "atexit.register(lambda: say('end', frozen() > 1000,\n"
      "                            random.getstate() == at_import,\n"
      "                            threading.current_thread() is threading.main_thread(),\n"
      "                            'threading' in sys.modules))\n"
      "app = print\n");
  const Outcome outcome = in_runtime(directory, [](python::PythonRuntime& runtime) {
    if (!runtime.preload_application().empty() && !kThreadSanitizer) return 2;
    runtime.release_main();
    runtime.take_main();
    pid_t child = 0;
    const support::ForkSide side = runtime.fork([&child] {
      child = ::fork();
      return child == 0 ? support::ForkSide::child : support::ForkSide::parent;
    });
    if (side == support::ForkSide::child) {
      runtime.start_pool(2, [](unsigned) {});
      runtime.release_main();
      runtime.join_pool();
      return runtime.finalize() ? 0 : 1;
    }
    int status = 0;
    return waitpid(child, &status, 0) == child ? status : 3;
  });
  CHECK(outcome.status == 0);
  std::vector<std::string> lines;
  std::istringstream output(outcome.output);
  for (std::string line; std::getline(output, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  CAPTURE(outcome.output);
  CHECK(lines == std::vector<std::string>{"before", "end True False True True", "in the child",
                                          "in the parent"});
}

TEST_CASE("a fork that fails runs the hooks of the parent") {
  const Directory directory;
  directory.add("site_one.py",
                "import os\n"
                "os.register_at_fork(before=lambda: print('before'),\n"
                "                    after_in_parent=lambda: print('in the parent'),\n"
                "                    after_in_child=lambda: print('in the child'))\n"
                "app = print\n");
  const Outcome outcome = in_runtime(directory, [](python::PythonRuntime& runtime) {
    runtime.preload_application();
    try {
      runtime.fork([]() -> support::ForkSide { throw std::runtime_error("no room"); });
    } catch (const std::runtime_error&) {
      return runtime.finalize() ? 0 : 1;
    }
    return 2;
  });
  CHECK(outcome.status == 0);
  CHECK(outcome.output == "before\nin the parent\n");
}

TEST_CASE("a crash leaves the stacks of all threads where the options say") {
  struct Case {
    const char* setting;  // by the application
    bool left;
  };
  for (const Case& one : {
           Case{"", true},
           Case{"faulthandler.enable(open(os.devnull, 'w'))", false},
           Case{"faulthandler.disable()", false},
       }) {
    CAPTURE(one.setting);
    const Directory directory;
    directory.add("site_one.py", std::string("import faulthandler, os, threading\n") + one.setting +
                                     "\ndef wait(): threading.Event().wait()\n"
                                     "threading.Thread(target=wait, daemon=True).start()\n"
                                     "def crash(): os.abort()\n"
                                     "crash()\n");
    const std::string text = left_by_crash(directory);
    CHECK(contains(text, "Fatal Python error: Aborted") == one.left);
    CHECK(contains(text, "in crash\n") == one.left);
    CHECK(contains(text, "in wait\n") == one.left);
  }
}

TEST_CASE("PYTHONFAULTHANDLER has the stacks on stderr, as ever") {
  const Directory directory;
  directory.add("site_one.py", "import os\nos.abort()\n");
  setenv("PYTHONFAULTHANDLER", "1", 1);
  const std::string text = left_by_crash(directory);
  unsetenv("PYTHONFAULTHANDLER");
  CHECK(text == "");
}

TEST_CASE("a pool thread that has used up its stack tells where") {
  const Directory directory;
  directory.add("site_one.py", "app = print\n");
  const std::string text = left_by_crash(directory, [](unsigned) { use_up_the_stack(0); });
  CHECK(contains(text, "Fatal Python error: Segmentation fault"));
  CHECK(contains(text, "in _bootstrap\n"));
}

TEST_CASE("stdout may be closed") {
  const Directory directory;
  directory.add("site_one.py", "app = print\n");
  const Outcome outcome = in_child([&] {
    close(STDOUT_FILENO);
    return with_runtime(directory, [](python::PythonRuntime& runtime) {
      runtime.load_application();
      return 0;
    });
  });
  CHECK(outcome.status == 0);
}

TEST_SUITE_END();

// Tests of findings after an import: threads and sockets.

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "child_process.hpp"
#include "fakes/sanitizers.hpp"
#include "runtime/python/python_compat.hpp"

TEST_SUITE_BEGIN("preload check");

using namespace appd;
using namespace appd::test;

namespace {

/// Whether the thread has the test program's name, as no other thread without Python has.
bool is_sanitizers_own(const std::string& finding) {
  return kThreadSanitizer && finding.find(": \"test_python") != std::string::npos;
}

/// The findings after the import of a module with this text, one per line.
std::string findings(const std::string& text) {
  const Directory directory;
  directory.add("site_one.py",
                "import socket, sys, threading, _thread\n" + text + "\napp = print\n");
  const Outcome outcome = in_runtime(directory, [](python::PythonRuntime& runtime) {
    for (const python::ImportFinding& each : runtime.preload_application()) {
      if (is_sanitizers_own(each.text)) continue;
      std::printf("%s%s\n", each.harmless ? "harmless: " : "", each.text.c_str());
    }
    std::fflush(stdout);
    return 0;
  });
  CHECK(outcome.status == 0);
  return outcome.output;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kWait = "\ndef wait(): threading.Event().wait()\n";

}  // namespace

TEST_CASE("an import that leaves nothing behind has no findings") {
  CHECK(findings("") == "");
  CHECK(findings("kept = open('/dev/null')") == "");
}

TEST_CASE("sockets and threads that were there before, or ended, do not count") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  CHECK(
      findings("import time\n"
               "socket.socket().close()\n"
               "a, b = socket.socketpair(); cycle = [a, b]; cycle.append(cycle); del a, b, cycle\n"
               "threading.Thread(target=time.sleep, args=(0.01,)).start()\n") == "");
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("a thread is named with its target's module and function") {
  CHECK(
      findings(std::string(kWait) +
               "threading.Thread(target=wait, name='flusher', daemon=True).start()") ==
      "a thread is left running by the module site_one: \"flusher\", in wait(); in workers it does "
      "not run, and the work of wait() is not done\n");
}

TEST_CASE("a thread without a target is named by what it runs") {
  const std::string found = findings(
      "class Poller(threading.Thread):\n"
      "  def run(self): threading.Event().wait()\n"
      "Poller(name='poller', daemon=True).start()");
  const auto text = [](const std::string& function) {
    return "a thread is left running by the module site_one: \"poller\", in " + function +
           "; in workers it does not run, and the work of " + function + " is not done\n";
  };
  // CPython 3.10 does not know the class.
  CHECK(found == text(PY_VERSION_HEX < 0x030B0000 ? "run()" : "Poller.run()"));
}

TEST_CASE("a thread that threading does not know is found once") {
  CHECK(findings(std::string(kWait) + "_thread.start_new_thread(wait, ())") ==
        "a thread is left running by the module site_one: without a name, in wait(); in workers it "
        "does not run, and the work of wait() is not done\n");
}

TEST_CASE("a thread that runs no Python code is found by its name in the kernel") {
  const std::string found = findings(
      "import ctypes\n"
      "libc = ctypes.CDLL(None)\n"
      "thread = ctypes.c_ulong()\n"
      "libc.pthread_create(ctypes.byref(thread), None, libc.sleep, 1000)\n"
      "libc.pthread_setname_np(thread, b'crunching')\n");
  CHECK(
      found ==
      "a thread is left running by a C library, started by the import of site_one: \"crunching\", "
      "which runs no Python code; in workers it does not run, and code of that library that waits "
      "for it waits for ever\n");
}

TEST_CASE("a thread is told with the module whose import has started it") {
  const std::string found = findings(
      "import sys, types, importlib.util, os\n"
      "os.makedirs('library')\n"
      "open('library/__init__.py', 'w').write('import threading\\n'\n"
      "    'def start(): threading.Thread(target=threading.Event().wait, daemon=True, "
      "name=\"deep\")'\n"
      "    '.start()\\n')\n"
      "open('using.py', 'w').write('import library, json.tool\\nlibrary.start()\\nimport "
      "wave\\n')\n"
      "importlib.invalidate_caches()\n"
      "import using, wave\n");
  CAPTURE(found);
  CHECK(contains(found, ", started by the import of using: \"deep\", in "));
}

TEST_CASE("a thread whose module starts it again at a fork does no harm") {
  const std::string start = std::string("import os, weakref\n") + kWait +
                            "def start(): threading.Thread(target=wait, daemon=True).start()\n"
                            "start()\n";
  const std::string harmless = findings(start + "os.register_at_fork(after_in_child=start)");
  CAPTURE(harmless);
  CHECK(harmless.starts_with("harmless: a thread is left running by the module site_one: "));
  CHECK(harmless.find("register_at_fork should start it again in each worker\n") ==
        harmless.size() - 54);
  for (const char* const other :
       {"os.register_at_fork(before=start)", "os.register_at_fork(after_in_child=os.getpid)",
        "os.register_at_fork(after_in_child=threading.Lock()._at_fork_reinit)",
        "import json\nos.register_at_fork(after_in_child=json.dumps)"}) {
    CAPTURE(other);
    CHECK(!contains(findings(start + other), "harmless"));
  }
}

TEST_CASE("handlers that reset locks of the standard library start none of its threads") {
  const std::string found = findings(
      "import concurrent.futures, logging\n"
      "pool = concurrent.futures.ThreadPoolExecutor(1)\npool.submit(print)");
  CAPTURE(found);
  CHECK(found.starts_with("\na thread is left running by the module concurrent.futures.thread"));
}

TEST_CASE("the import system and os are as before after the check") {
  const Directory directory;
  directory.add("site_one.py",
                "import atexit, os\n"
                "from importlib.machinery import ExtensionFileLoader as e, SourceFileLoader as s\n"
                "def tell():\n"
                "  parts = s.exec_module, e.exec_module, e.create_module, os.register_at_fork\n"
                "  print(*(each.__name__ for each in parts), 'exec_module' in vars(s))\n"
                "tell()\n"
                "atexit.register(tell)\n"
                "app = print\n");
  const Outcome outcome = in_runtime(directory, [](python::PythonRuntime& runtime) {
    runtime.preload_application();
    return runtime.finalize() ? 0 : 1;
  });
  CHECK(outcome.output ==
        "load_and_look load_and_look load_and_look register_and_note True\n"
        "exec_module exec_module create_module register_at_fork False\n");
}

TEST_CASE("a socket is told by what it is and by the module that leads to it") {
  struct Case {
    const char* text;
    const char* socket;
  };
  for (const Case& one : {
           Case{"s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()",
                "TCP socket listening on 127.0.0.1:"},
           Case{"l = socket.create_server(('127.0.0.1', 0))\n"
                "s = socket.create_connection(l.getsockname())",
                "TCP socket connected to 127.0.0.1:"},
           Case{"s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
                "UDP socket that is not connected, descriptor "},
           Case{"s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('127.0.0.1', 8125))",
                "UDP socket connected to 127.0.0.1:8125, descriptor "},
           Case{"import os\ns = socket.socket(socket.AF_UNIX)\n"
                "s.bind('\\0appd-preload-check-%d' % os.getpid()); s.listen()",
                "Unix socket listening on @appd-preload-check-"},
           Case{"s = socket.socketpair()",
                "Unix socket connected to a peer without a name, descriptor "},
           Case{"s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
                "socket of family AF_NETLINK"},
       }) {
    const std::string found = findings(one.text);
    CAPTURE(one.text);
    CAPTURE(found);
    CHECK(contains(found,
                   std::string("a socket is left open by the module site_one: ") + one.socket));
  }
}

TEST_CASE(
    "the module is found through instances, lists and classes; the application's comes first") {
  for (const char* const text : {
           "class Pool:\n"
           "  def __init__(self): self.free = {'a': [socket.socket()]}\n"
           "pool = Pool()",
           "class Pool:\n  shared = [socket.socket()]",
           "def closure(s): return lambda: s\nget = closure(socket.socket())",
           "import json\ns = json.borrowed = socket.socket()",
       }) {
    CAPTURE(text);
    CHECK(contains(findings(text), "a socket is left open by the module site_one: TCP socket"));
  }
}

TEST_CASE("a socket that no Python object has is a C library's") {
  CHECK(
      contains(findings("socket.socket().detach()"), "a socket is left open by a C library: TCP"));
}

TEST_CASE("a socket that no module leads to is Python code's") {
  CHECK(contains(findings("import ctypes\n"
                          "s = socket.socket()\n"
                          "ctypes.pythonapi.Py_IncRef(ctypes.py_object(s))\n"
                          "del s"),
                 "a socket is left open by Python code: TCP socket"));
}

TEST_SUITE_END();

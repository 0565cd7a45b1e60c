// Tests of stacks that are prepared for the log.

#include "runtime/supervisor/crash_stacks.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using appd::supervisor::arrange_stacks;

TEST_SUITE("crash stacks") {
  TEST_CASE("the thread that crashed comes first, then extension modules, C, the other threads") {
    CHECK(arrange_stacks("Fatal Python error: Segmentation fault\n"
                         "\n"
                         "Current thread's C stack trace (most recent call first):\n"
                         "  Binary file \"libpython3.14.so.1.0\", at _Py_DumpStack+0x4d [0x7f]\n"
                         "\n"
                         "Thread 0x03 (most recent call first):\n"
                         "  File \"/usr/lib/python3.11/threading.py\", line 975 in run\n"
                         "\n"
                         "Current thread 0x02 (most recent call first):\n"
                         "  File \"app.py\", line 7 in view\n"
                         "  File \"app.py\", line 3 in application\n"
                         "\n"
                         "Thread 0x01 (most recent call first):\n"
                         "  <no Python frame>\n"
                         "\n"
                         "Extension modules: _cffi_backend, lxml.etree (total: 2)\n") ==
          "Fatal Python error: Segmentation fault\n"
          "Current thread 0x02 (most recent call first):\n"
          "  File \"app.py\", line 7 in view\n"
          "  File \"app.py\", line 3 in application\n"
          "Extension modules: _cffi_backend, lxml.etree (total: 2)\n"
          "Current thread's C stack trace (most recent call first):\n"
          "  Binary file \"libpython3.14.so.1.0\", at _Py_DumpStack+0x4d [0x7f]\n"
          "Thread 0x03 (most recent call first):\n"
          "  File \"/usr/lib/python3.11/threading.py\", line 975 in run\n"
          "Thread 0x01 (most recent call first):\n"
          "  <no Python frame>");
  }

  TEST_CASE("nothing stays nothing, and other words stay") {
    CHECK(arrange_stacks("") == "");
    CHECK(arrange_stacks("\n\n") == "");
    CHECK(arrange_stacks("terminate called") == "terminate called");
  }

  TEST_CASE("of too many lines the first are kept, with a word on the others") {
    std::string dump = "Fatal Python error: Aborted\n\nThread 0x01:\n";
    for (int frame = 0; frame < 200; ++frame) dump += "  File \"other\", line 1 in f\n";
    dump += "\nCurrent thread 0x02 (most recent call first):\n  File \"mine\", line 2 in g\n";
    const std::string text = arrange_stacks(dump);
    CHECK(std::count(text.begin(), text.end(), '\n') == 100);
    CHECK(
        text.starts_with("Fatal Python error: Aborted\nCurrent thread 0x02 (most recent call "
                         "first):\n  File \"mine\", line 2 in g\nThread 0x01:\n"));
    CHECK(text.ends_with("\n(104 more lines)"));
  }

  TEST_CASE("a line has an end") {
    CHECK(arrange_stacks(std::string(100'000, 'x')).size() == 400);
  }
}

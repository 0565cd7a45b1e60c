// Tests of imports, and of the errors that name their cause.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "child_process.hpp"

TEST_SUITE_BEGIN("app loader");

using namespace appd;
using namespace appd::test;

namespace {

/// Loads `module` with `directory` as working directory. The output is what the import printed, and
/// the error.
Outcome load(const Directory& directory, const std::string& module) {
  return load_and_finalize(directory, for_module(module));
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

constexpr std::string_view kModule = R"(
import sys
from functools import partial
print("imported as", __name__)
def application(environ, start_response): pass
def create_app():
    print("factory called")
    return application
class Site:
    def __call__(self, environ, start_response): pass
class holder:
    site = Site()
    Site = Site
number = 7
def broken_factory(): raise ValueError("no database")
def none_factory(): pass
async def asgi(scope, receive, send): pass
class Asgi:
    async def __call__(self, scope, receive, send): pass
    async def run(self, scope, receive, send): pass
asgi_object = Asgi()
asgi_method = Asgi().run
asgi_partial = partial(partial(Asgi().run), None)
synchronous_partial = partial(application)
class Methods:
    def __call__(self, environ, start_response): pass
    def run(self, environ, start_response): pass
    def make(self): return application
    def one(self, environ): pass
methods = Methods()
run = methods.run
make = methods.make
one = methods.one
def with_default(environ, start_response, cache=None): pass
def with_any(*arguments): pass
def three(environ, start_response, settings): pass
def by_name(environ, start_response, *, settings): pass
def by_name_or_not(environ, start_response, *, settings=None): pass
def settings_factory(settings=None): return application
def factory_of_three(): return three
)";

}  // namespace

TEST_CASE("every form of name finds its application") {
  const Directory directory;
  directory.add("site_one.py", kModule);
  directory.add("pkg/__init__.py", "");
  directory.add("pkg/wsgi.py", "app = lambda environ, start_response: None\n");
  directory.add("other/run.wsgi", kModule);
  directory.add("here.wsgi", kModule);
  directory.add("other/sibling.py", "");
  directory.add("other/with-sibling.py", "import sibling\nfrom sibling import *\napp = print\n");
  for (const char* module : {"site_one",
                             "site_one:application",
                             "site_one:holder.site",
                             "site_one:holder.Site",
                             "site_one:synchronous_partial",
                             "site_one:run",
                             "site_one:make()",
                             "site_one:with_default",
                             "site_one:with_any",
                             "site_one:by_name_or_not",
                             "site_one:settings_factory()",
                             "site_one:create_app()",
                             "pkg.wsgi",
                             "pkg.wsgi:app",
                             "site_one.py",
                             "./site_one.py:create_app()",
                             "other/run.wsgi",
                             "other/run.wsgi:holder.site",
                             "here.wsgi",
                             "other/with-sibling.py"}) {
    CAPTURE(module);
    const Outcome outcome = load(directory, module);
    CAPTURE(outcome.output);
    CHECK(outcome.status == 0);
  }
  CHECK(load(directory, "site_one:create_app()").output ==
        "imported as site_one\nfactory called\n");
  CHECK(load(directory, directory.path + "/other/run.wsgi").output == "imported as run\n");
}

TEST_CASE("a file whose name is taken gets another module name") {
  const Directory directory;
  directory.add("sys.py", kModule);
  CHECK(load(directory, "./sys.py").output == "imported as appd_application_sys\n");
}

TEST_CASE("what cannot be loaded says which module and which step, in one line") {
  const Directory directory;
  directory.add("site_one.py", kModule);
  directory.add("failing.py", "import json\nraise ValueError('at import')\n");
  directory.add("needing.py", "import not_installed\n");
  directory.add("wrong.py", "def application(:\n");
  directory.add("leaving.py", "raise SystemExit(3)\n");
  directory.add("bare.py", "number = 7\n");
  struct Case {
    const char* module;
    const char* line;
    const char* traceback;
  };
  for (const Case& one : {
           Case{"nothing_there", "cannot import module 'nothing_there' (working directory /tmp/",
                "ModuleNotFoundError"},
           Case{"needing", "cannot import module 'needing'", "No module named 'not_installed'"},
           Case{"failing", "cannot import module 'failing': ValueError: at import\n",
                "failing.py\", line 2"},
           Case{"wrong", "cannot import module 'wrong': SyntaxError: ", "def application(:"},
           Case{"leaving", "cannot import module 'leaving': SystemExit: 3\n", ""},
           Case{"./missing.py", "cannot load file '/tmp/", "FileNotFoundError"},
           Case{"failing.py", "failing.py': ValueError: at import\n", "failing.py\", line 2"},
           Case{"site_one:aplication",
                "site_one:aplication: 'site_one' has no attribute 'aplication'; did you mean "
                "'application'?\n",
                ""},
           Case{"site_one:zzzz", "site_one:zzzz: 'site_one' has no attribute 'zzzz'\n", ""},
           Case{"site_one:number", "the application is not callable but of type 'int'\n", ""},
           Case{"site_one:number()", "the factory is not callable but of type 'int'\n", ""},
           Case{"site_one:none_factory()",
                "the application is not callable but of type 'NoneType'\n", ""},
           Case{"site_one:broken_factory()", "the factory failed: ValueError: no database\n",
                "in broken_factory"},
           Case{"site_one:asgi", "this is an ASGI application", ""},
           Case{"site_one:asgi_object", "this is an ASGI application", ""},
           Case{"site_one:asgi_method", "this is an ASGI application", ""},
           Case{"site_one:asgi_partial", "this is an ASGI application", ""},
           Case{"site_one:create_app",
                "site_one:create_app: this function cannot be called with (environ, "
                "start_response), as WSGI requires; if it returns the application, write "
                "site_one:create_app()\n",
                ""},
           Case{"site_one:settings_factory", "write site_one:settings_factory()\n", ""},
           Case{"site_one:make", "write site_one:make()\n", ""},
           Case{"site_one:one", "(environ, start_response), as WSGI requires\n", ""},
           Case{"site_one:three", "(environ, start_response), as WSGI requires\n", ""},
           Case{"site_one:by_name", "(environ, start_response), as WSGI requires\n", ""},
           Case{"site_one:factory_of_three()", "(environ, start_response), as WSGI requires\n", ""},
           Case{"bare", "bare: 'bare' has neither 'application' nor 'app'", ""},
           Case{"my-module:app", "'my-module' is not the name of a module", ""},
       }) {
    CAPTURE(one.module);
    const Outcome outcome = load(directory, one.module);
    CAPTURE(outcome.output);
    CHECK(outcome.status == 99);
    const std::size_t start = outcome.output.find("LoadError: ");
    REQUIRE(start != std::string::npos);
    const std::size_t end = outcome.output.find('\n', start);
    CHECK(contains(outcome.output.substr(start, end + 1 - start), one.line));
    CHECK(contains(outcome.output.substr(end + 1), one.traceback));
  }
}

namespace {

/// The line of the error, without its traceback.
std::string line_of(const Outcome& outcome) {
  const std::size_t start = std::min(outcome.output.find("LoadError: "), outcome.output.size());
  return outcome.output.substr(start, outcome.output.find('\n', start) - start);
}

/// Whether CPython is embedded as that of a virtual environment (tests/pythons/run).
bool in_environment() {
  const std::filesystem::path python = APPD_TEST_PYTHON;
  return std::filesystem::exists(python.parent_path().parent_path() / "pyvenv.cfg");
}

}  // namespace

TEST_CASE("an object named as if it were a module is recognised") {
  const Directory directory;
  directory.add("pkg/__init__.py", "");
  directory.add("pkg/wsgi.py", kModule);
  CHECK(line_of(load(directory, "pkg.wsgi.application"))
            .ends_with("; did you mean pkg.wsgi:application?"));
  CHECK(line_of(load(directory, "pkg.wsgi.holder.site"))
            .ends_with("; did you mean pkg.wsgi:holder.site?"));
  CHECK_FALSE(contains(load(directory, "pkg.wsgi.nothing").output, "did you mean"));
  CHECK_FALSE(contains(load(directory, "pkg.nothing").output, "did you mean"));
}

TEST_CASE("a virtual environment of the shell's that is not used is mentioned" *
          doctest::skip(in_environment())) {
  const Directory directory;
  directory.add("needing.py", "import not_installed\n");
  directory.add("failing.py", "raise ValueError\n");
  setenv("VIRTUAL_ENV", "/srv/venv", 1);
  for (const char* module : {"needing", "needing.py", "nothing_there"}) {
    CHECK(line_of(load(directory, module))
              .ends_with("; VIRTUAL_ENV is /srv/venv, but appd uses no virtual environment: "
                         "add --virtualenv /srv/venv"));
  }
  CHECK_FALSE(contains(load(directory, "failing").output, "VIRTUAL_ENV"));
  unsetenv("VIRTUAL_ENV");
  CHECK_FALSE(contains(load(directory, "needing").output, "VIRTUAL_ENV"));
}

TEST_SUITE_END();

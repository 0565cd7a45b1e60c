// Tests of the forms of --module.

#include "runtime/python/application_name.hpp"

#include <doctest/doctest.h>

#include "runtime/python/python_runtime.hpp"

TEST_SUITE_BEGIN("application name");

using namespace appd::python;

namespace {

using Parts = std::vector<std::string>;

}  // namespace

TEST_CASE("each form names a module or file, and an object in it") {
  struct Case {
    const char* text;
    const char* module;
    bool is_file;
    Parts object;
    bool is_factory;
  };
  for (const Case& one : {
           Case{"site", "site", false, {}, false},
           Case{"pkg.mod", "pkg.mod", false, {}, false},
           Case{"pkg.wsgi", "pkg.wsgi", false, {}, false},
           Case{"pkg.wsgi:application", "pkg.wsgi", false, {"application"}, false},
           Case{"pkg.mod:app", "pkg.mod", false, {"app"}, false},
           Case{"mod:api.app", "mod", false, {"api", "app"}, false},
           Case{"mod:make()", "mod", false, {"make"}, true},
           Case{"mod:Maker.make()", "mod", false, {"Maker", "make"}, true},
           Case{"app.py", "app.py", true, {}, false},
           Case{"/srv/site.wsgi", "/srv/site.wsgi", true, {}, false},
           Case{"./dir/app", "./dir/app", true, {}, false},
           Case{"app.py:create()", "app.py", true, {"create"}, true},
           Case{"/srv/a:b/app.py:site", "/srv/a:b/app.py", true, {"site"}, false},
       }) {
    CAPTURE(one.text);
    const ApplicationName name = parse_application_name(one.text);
    CHECK(name.module == one.module);
    CHECK(name.is_file == one.is_file);
    CHECK(name.object == one.object);
    CHECK(name.is_factory == one.is_factory);
    CHECK(name.text == one.text);
  }
}

TEST_CASE("what has none of the forms is refused") {
  for (const char* text : {"", ":app", "mod:", "mod:()", "mod:a..b", "mod:make(1)", "mod:a b",
                           "1mod", "mod.", "my-mod:app", "mod:app:more"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_application_name(text), LoadError);
  }
}

TEST_SUITE_END();

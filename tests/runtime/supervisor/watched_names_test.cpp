// Tests of which files and folders count.

#include "runtime/supervisor/watched_names.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace appd::supervisor;

TEST_SUITE("watched names") {
  TEST_CASE("code and templates count, other files only where all do") {
    for (const char* name : {"app.py", "page.html", "x.jinja2", "fast.so", "site.wsgi"}) {
      CAPTURE(std::string(name));
      CHECK(is_watched_file(name, Counts::code));
      CHECK(is_watched_file(name, Counts::all_files));
    }
    for (const char* name : {"db.sqlite3", "app.log", "style.css", "py", "data.json"}) {
      CAPTURE(std::string(name));
      CHECK_FALSE(is_watched_file(name, Counts::code));
      CHECK(is_watched_file(name, Counts::all_files));
    }
  }

  TEST_CASE("what editors leave does not count") {
    for (const char* name :
         {".app.py.swp", "4913", "app.py~", "#app.py#", "app.pyc", "", ".#app.py"}) {
      CAPTURE(std::string(name));
      CHECK_FALSE(is_watched_file(name, Counts::code));
      CHECK_FALSE(is_watched_file(name, Counts::all_files));
    }
  }

  TEST_CASE("caches and foreign code are not looked into") {
    for (const char* name : {".git", "__pycache__", "node_modules", "site-packages", ""}) {
      CHECK_FALSE(is_watched_folder(name));
    }
    CHECK(is_watched_folder("shop"));
  }

  TEST_CASE("in a folder of templates all files count") {
    CHECK(counts_below("templates", Counts::code) == Counts::all_files);
    CHECK(counts_below("views", Counts::code) == Counts::code);
    CHECK(counts_below("views", Counts::all_files) == Counts::all_files);
  }
}

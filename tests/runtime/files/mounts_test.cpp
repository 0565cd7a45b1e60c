// Tests of finding the mount of a path.

#include "runtime/files/mounts.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "fakes/temporary_folder.hpp"

using namespace appd::files;
using appd::test::TemporaryFolder;

namespace {

struct Row {
  const char* path;
  const char* expected;
};

Mounts make_mounts(const TemporaryFolder& folder,
                   std::vector<std::pair<const char*, const char*>> mounts) {
  std::vector<Mount> made;
  for (const auto& [prefix, index_file] : mounts) {
    made.push_back({prefix, FileRoot(folder.path()), index_file});
  }
  return Mounts(std::move(made));
}

/// "PREFIX FILE", or "none".
std::string found(const Mounts& mounts, std::string_view path) {
  const auto place = mounts.find(path);
  return place ? place->mount->prefix + " " + place->file : "none";
}

}  // namespace

TEST_SUITE("mounts") {
  TEST_CASE("the longest prefix of whole segments wins") {
    const TemporaryFolder folder;
    const Mounts mounts = make_mounts(folder, {{"/static", ""}, {"/static/docs/", "index.html"}});
    const Row rows[] = {
        {"/static/a.css", "/static a.css"},
        {"/static/css/a.css", "/static css/a.css"},
        {"/static", "/static "},
        {"/static/", "/static "},
        {"/static/css/", "/static css/"},
        {"/static//a.css", "/static /a.css"},
        {"/static/../a.css", "/static ../a.css"},
        {"/static/docs", "/static/docs "},
        {"/static/docs/", "/static/docs index.html"},
        {"/static/docs/a/", "/static/docs a/index.html"},
        {"/static/docs/a.css", "/static/docs a.css"},
        {"/static/docsets/a.css", "/static docsets/a.css"},
        {"/statics/a.css", "none"},
        {"/Static/a.css", "none"},
        {"/x/static/a.css", "none"},
        {"static/a.css", "none"},
        {"/", "none"},
        {"", "none"},
    };
    for (const Row& row : rows) {
      CAPTURE(row.path);
      CHECK(found(mounts, row.path) == row.expected);
    }
  }

  TEST_CASE("a slash is a mount of everything") {
    const TemporaryFolder folder;
    const Mounts mounts = make_mounts(folder, {{"/", "index.html"}, {"/media", ""}});
    CHECK(found(mounts, "/") == " index.html");
    CHECK(found(mounts, "/a.css") == " a.css");
    CHECK(found(mounts, "/media/a.css") == "/media a.css");
    CHECK(found(mounts, "a.css") == "none");
  }

  TEST_CASE("of two with the same prefix the first one counts") {
    const TemporaryFolder folder;
    const Mounts mounts = make_mounts(folder, {{"/a/", "one"}, {"/a", "two"}});
    CHECK(found(mounts, "/a/") == "/a one");
  }

  TEST_CASE("without mounts nothing is found") {
    CHECK(found(Mounts(), "/a.css") == "none");
  }
}

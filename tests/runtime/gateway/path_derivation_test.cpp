// Tests of SCRIPT_NAME and PATH_INFO for each front.

#include "runtime/gateway/path_derivation.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace appd::gateway {
namespace {

using Sent = std::optional<std::string_view>;
constexpr Sent kAbsent = std::nullopt;

struct Row {
  const char* front;
  PathVariables sent;
  const char* mount;
  bool trust;
  const char* script_name;
  const char* path_info;
};

const Row kRows[] = {
    {"nginx fastcgi_params", {"/app/x", kAbsent, "/app/x", "/app/x?a=1"}, "", false, "", "/app/x"},
    {"nginx fastcgi_params, mounted",
     {"/app/x", kAbsent, "/app/x", "/app/x"},
     "/app",
     false,
     "/app",
     "/x"},
    {"nginx fastcgi_params, trusted",
     {"/app/x", kAbsent, "/app/x", "/app/x"},
     "",
     true,
     "/app/x",
     ""},
    {"nginx split_path_info", {"/app", "/x", "/app/x", "/app/x"}, "", false, "/app", "/x"},
    {"nginx split_path_info, empty rest", {"/app", "", "/app", "/app"}, "", false, "/app", ""},
    {"nginx split_path_info, other mount", {"/app", "/x", "", ""}, "/other", false, "", "/app/x"},
    {"nginx split_path_info, longer mount",
     {"/app", "/x/y", "", ""},
     "/app/x",
     false,
     "/app/x",
     "/y"},
    {"nginx uwsgi_params", {kAbsent, "/app/x", "", "/app/x?a"}, "", false, "", "/app/x"},
    {"nginx uwsgi_params, mounted", {kAbsent, "/app/x", "", "/app/x"}, "/app", false, "/app", "/x"},
    {"nginx uwsgi_params, trusted", {kAbsent, "/app/x", "", "/app/x"}, "", true, "", "/app/x"},
    {"nginx scgi_params", {kAbsent, kAbsent, "/app/a b", "/app/a%20b"}, "", false, "", "/app/a b"},
    {"nginx scgi_params, mounted",
     {kAbsent, kAbsent, "/app/x", "/app/x"},
     "/app",
     false,
     "/app",
     "/x"},
    {"nginx scgi_params, trusted", {kAbsent, kAbsent, "/app/x", "/app/x"}, "", true, "", "/app/x"},
    {"Apache fcgi", {"/app/x", kAbsent, "", "/app//x"}, "", false, "", "/app/x"},
    {"Apache fcgi, NoDecode",
     {"/app/a%2Fb", kAbsent, "", "/app/a%2Fb"},
     "",
     false,
     "",
     "/app/a%2Fb"},
    {"Apache uwsgi", {"", "/app/x", "", "/app/x"}, "", false, "", "/app/x"},
    {"lighttpd prefix", {"/app", "/app/y", "", "/app/app/y"}, "", false, "/app", "/app/y"},
    {"lighttpd prefix, mounted",
     {"/app", "/app/y", "", "/app/app/y"},
     "/app",
     false,
     "/app",
     "/app/y"},
    {"HAProxy dots", {"/app", "/x/../y//z", "", ""}, "", false, "/app", "/x/../y//z"},
    {"Caddy", {"", "/app/x", "", "/app/x"}, "", false, "", "/app/x"},
    {"Caddy split", {"/app/hello.py", "/x", "/app/hello.py", ""}, "", false, "/app/hello.py", "/x"},
    {"Caddy split, no match", {"/app/x", "", "/app/x", "/app/x"}, "", false, "/app/x", ""},
    {"Caddy split, no match, mounted", {"/app/x", "", "", ""}, "/app", false, "/app", "/x"},
    {"Caddy split, root", {"/", "", "/", "/"}, "", false, "", "/"},
    {"target only", {kAbsent, kAbsent, "", "/a%2Fb/%E9?q=%41"}, "", false, "", "/a/b/\xe9"},
    {"target only, mounted", {kAbsent, kAbsent, "", "/%61pp/x"}, "/app", false, "/app", "/x"},
    {"absolute target only", {kAbsent, kAbsent, "", "http://h:8/a/b?c"}, "", false, "", "/a/b"},
    {"both empty", {"", "", "", "/x"}, "", false, "", "/x"},
    {"nothing at all", {kAbsent, kAbsent, "", ""}, "", false, "", "/"},
    {"nothing at all, mounted", {kAbsent, kAbsent, "", ""}, "/app", false, "", "/"},
    {"mount without rest", {"/app", kAbsent, "", ""}, "/app", false, "/app", ""},
    {"mount with a slash", {"/app/", kAbsent, "", ""}, "/app", false, "/app", "/"},
    {"mount off a segment border", {"/apple", kAbsent, "", ""}, "/app", false, "", "/apple"},
    {"mount elsewhere", {"/x/app", kAbsent, "", ""}, "/app", false, "", "/x/app"},
    {"trusted slash", {"/", "/x", "", ""}, "", true, "", "/x"},
    {"trusted slash, bare path", {"/", "x", "", ""}, "", true, "", "/x"},
    {"trusted slash at the end", {"/app/", "x", "", ""}, "", true, "/app", "/x"},
    {"trusted slash at the end, no path", {"/app//", "", "", ""}, "", true, "/app", "/"},
    {"trusted without slashes", {"app", "x", "", ""}, "", true, "/app", "/x"},
    {"script name without slash", {"app", kAbsent, "", ""}, "", false, "", "/app"},
};

}  // namespace

TEST_SUITE_BEGIN("path derivation");

TEST_CASE("each front's way of sending a path gives what WSGI wants") {
  for (const Row& row : kRows) {
    CAPTURE(row.front);
    StringPool made;
    const DerivedPath path = derive_path(row.sent, row.mount, row.trust, made);
    CHECK(path.script_name == row.script_name);
    CHECK(path.path_info == row.path_info);
  }
}

TEST_CASE("the path of a request target has neither authority nor query") {
  CHECK(path_of("/a/b?c=d") == "/a/b");
  CHECK(path_of("/a/b") == "/a/b");
  CHECK(path_of("http://host:80/a?b") == "/a");
  CHECK(path_of("https://host") == "");
  CHECK(path_of("https://host?q=/x") == "");
  CHECK(path_of("/go?to=http://x/y") == "/go");
  CHECK(path_of("/go/http://x/y") == "/go/http://x/y");
  CHECK(path_of("*") == "*");
  CHECK(path_of("") == "");
}

TEST_CASE("escapes are decoded once, malformed ones stay") {
  StringPool made;
  CHECK(percent_decode("/plain+path", made) == "/plain+path");
  CHECK(percent_decode("%41%4a%4A%7e", made) == "AJJ~");
  CHECK(percent_decode("%2541", made) == "%41");
  CHECK(percent_decode("%c3%A9%FF", made) == "\xc3\xa9\xff");
  CHECK(percent_decode("%", made) == "%");
  CHECK(percent_decode("%4", made) == "%4");
  CHECK(percent_decode("%4g%g4%%41", made) == "%4g%g4%A");
}

TEST_SUITE_END();

}  // namespace appd::gateway

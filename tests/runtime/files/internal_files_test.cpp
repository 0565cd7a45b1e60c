// Tests of files that the application leaves to the server.

#include "runtime/files/internal_files.hpp"

#include <doctest/doctest.h>

#include <string>

#include "fakes/temporary_folder.hpp"
#include "runtime/files/written_file.hpp"

using namespace appd::files;
using appd::files::test::set_time;
using appd::files::test::write;
using appd::test::TemporaryFolder;

namespace {

constexpr time_t kTime = 784'111'777;

struct Vault {
  TemporaryFolder folder;

  Vault() {
    write(folder / "in/a b.txt", "0123456789");
    write(folder / "in/base.27e20196a850.css", "hashed");
    write(folder / "in/page.css", "page");
    write(folder / "in/page.css.gz", "small");
    write(folder / "outside.txt", "outside");
    set_time(folder / "in/a b.txt", kTime);
  }
  InternalFiles files() const { return InternalFiles({{"/in", folder / "in"}}); }
};

FileRequest asking(std::string_view method = "GET") {
  FileRequest request;
  request.method = method;
  request.now = kTime + 100;
  return request;
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_SUITE("internal files") {
  TEST_CASE("a response that names no file is the application's") {
    const Vault vault;
    for (const std::string_view fields : {"", "Content-Type: text/plain\r\n",
                                          "X-Accel-Redirected: /in/a\r\n", "X-Sendfil: /a\r\n"}) {
      CAPTURE(fields);
      CHECK_FALSE(vault.files().answer(fields, asking()));
    }
  }

  TEST_CASE("by the encoded path of nginx, or by the path of the file") {
    const Vault vault;
    const std::string fields[] = {"X-Accel-Redirect: /in/a%20b.txt\r\n",
                                  "x-accel-redirect:/in/a%20b.txt?x=%\r\n",
                                  "X-Sendfile: " + (vault.folder / "in/a b.txt") + "\r\n"};
    for (const std::string& field : fields) {
      CAPTURE(field);
      const auto found = vault.files().answer("Allow: GET\r\n" + field, asking());
      REQUIRE(found);
      CHECK(found->problem.empty());
      CHECK(found->answer.status == "200 OK");
      CHECK(found->answer.parts.size() == 1);
      CHECK(has(found->answer.fields, "Content-Length: 10\r\n"));
      CHECK_FALSE(has(found->answer.fields, "/in/"));
    }
  }

  TEST_CASE("the application's fields stay, but for what the file says better") {
    const Vault vault;
    const auto found = vault.files().answer(
        "Content-Type: application/x-own\r\nX-Accel-Redirect: /in/a%20b.txt\r\n"
        "content-length: 0\r\nContent-Disposition: attachment\r\nETag: \"own\"\r\n"
        "Last-Modified: never\r\nX-Accel-Buffering: no\r\nCache-Control: private\r\n"
        "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n",
        asking());
    REQUIRE(found);
    CHECK(found->answer.fields.starts_with(
        "Content-Type: application/x-own\r\nContent-Disposition: attachment\r\n"
        "Cache-Control: private\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 10\r\n"));
    CHECK_FALSE(has(found->answer.fields, "text/plain"));
    CHECK(has(found->answer.fields, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
  }

  TEST_CASE("parts have the server's type around them") {
    const Vault vault;
    FileRequest request = asking();
    request.range = "bytes=0-1,4-5";
    const auto found = vault.files().answer(
        "Content-Type: application/x-own\r\nX-Accel-Redirect: /in/a%20b.txt\r\n", request);
    REQUIRE(found);
    CHECK(found->answer.status == "206 Partial Content");
    CHECK(found->answer.fields.starts_with("Content-Type: multipart/byteranges; "));
    CHECK_FALSE(has(found->answer.fields, "x-own"));
  }

  TEST_CASE("a client that has the file keeps it, and what the application says with it") {
    const Vault vault;
    FileRequest request = asking();
    request.if_none_match = "*";
    const auto found =
        vault.files().answer("X-Accel-Redirect: /in/a%20b.txt\r\nSet-Cookie: a=1\r\n", request);
    REQUIRE(found);
    CHECK(found->answer.status == "304 Not Modified");
    CHECK(found->answer.fields.starts_with("Set-Cookie: a=1\r\n"));
  }

  TEST_CASE("every method gets the file, and HEAD its head") {
    const Vault vault;
    CHECK(
        vault.files().answer("X-Accel-Redirect: /in/page.css\r\n", asking("POST"))->answer.status ==
        "200 OK");
    FileRequest posted = asking("POST");
    posted.range = "bytes=0-1";
    posted.if_none_match = "*";
    CHECK(vault.files().answer("X-Accel-Redirect: /in/page.css\r\n", posted)->answer.status ==
          "200 OK");
    const auto head = vault.files().answer("X-Accel-Redirect: /in/page.css\r\n", asking("HEAD"));
    CHECK(head->answer.parts.empty());
    CHECK(has(head->answer.fields, "Content-Length: 4\r\n"));
  }

  TEST_CASE("nothing is said that the application must say") {
    const Vault vault;
    FileRequest request = asking();
    request.accept_encoding = "gzip";
    for (const char* name : {"page.css", "base.27e20196a850.css"}) {
      CAPTURE(name);
      const auto found =
          vault.files().answer(std::string("X-Accel-Redirect: /in/") + name + "\r\n", request);
      CHECK_FALSE(has(found->answer.fields, "Cache-Control"));
      CHECK_FALSE(has(found->answer.fields, "gzip"));
    }
  }

  TEST_CASE("what cannot be sent is an error that the log explains") {
    const Vault vault;
    struct Row {
      std::string field;
      const char* status;
      const char* problem;
    };
    const Row rows[] = {
        {"X-Accel-Redirect: /in/none", "404 Not Found", "/in/none: there is no such file"},
        {"X-Accel-Redirect: /in/../outside.txt", "404 Not Found", "there is no such file"},
        {"X-Accel-Redirect: /out/a", "500 Internal Server Error", "no folder of --internal-files"},
        {"X-Sendfile: " + vault.folder.path() + "/outside.txt", "500 Internal Server Error",
         "no folder of --internal-files"},
        {"X-Sendfile: " + vault.folder.path() + "/in/../outside.txt", "404 Not Found",
         "there is no such file"},
        {"X-Accel-Redirect:", "500 Internal Server Error", "no folder of --internal-files"},
    };
    for (const Row& row : rows) {
      CAPTURE(row.field);
      const auto found =
          vault.files().answer(row.field + "\r\nContent-Disposition: attachment\r\n", asking());
      REQUIRE(found);
      CHECK(found->answer.status == row.status);
      CHECK(has(found->problem, row.problem));
      CHECK_FALSE(has(found->answer.fields, "Disposition"));
    }
  }

  TEST_CASE("no garbage breaks it") {
    const Vault vault;
    for (const std::string_view fields :
         {"\r\n", "\r", ":\r\n", "x-accel-redirect\r\n", "X-Sendfile: \r\n\r\n", "a", "\r\r\n"}) {
      CAPTURE(fields);
      vault.files().answer(fields, asking());
    }
  }
}

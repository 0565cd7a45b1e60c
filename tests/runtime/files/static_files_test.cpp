// Tests of answering requests with files.

#include "runtime/files/static_files.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "fakes/in_process.hpp"
#include "fakes/temporary_folder.hpp"
#include "runtime/files/written_file.hpp"

using namespace appd::files;
using appd::files::test::set_time;
using appd::files::test::write;
using appd::test::in_process;
using appd::test::TemporaryFolder;

namespace {

constexpr time_t kTime = 784'111'777;

/// A folder with files, served at /static.
struct Site {
  TemporaryFolder folder;

  Site() {
    file("a.css", "plain");
    file("a.png", "picture");
    file("docs/index.html", "index");
    file("base.27e20196a850.css", "hashed");
  }
  void file(const std::string& name, const std::string& text, time_t seconds = kTime,
            long nanoseconds = 0) const {
    write(folder / name, text);
    set_time(folder / name, seconds, nanoseconds);
  }
  StaticFiles files(StaticOptions options = {}, const std::string& index_file = "") const {
    std::vector<Mount> mounts;
    mounts.push_back({"/static", FileRoot(folder.path()), index_file});
    return {std::move(mounts), MediaTypes(), options};
  }
};

FileRequest asking(std::string_view method, std::string_view accept_encoding = {}) {
  FileRequest request;
  request.method = method;
  request.accept_encoding = accept_encoding;
  request.now = kTime + 100;
  return request;
}

std::string status(const StaticFiles& files, std::string_view path,
                   std::string_view method = "GET") {
  const auto answer = files.answer(path, asking(method));
  return answer ? answer->status : "none";
}

std::string field(const FileAnswer& answer, const std::string& name) {
  const std::string fields = "\r\n" + answer.fields;
  const std::size_t at = fields.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const std::size_t begin = at + name.size() + 4;
  return fields.substr(begin, fields.find("\r\n", begin) - begin);
}

std::string body(const FileAnswer& answer) {
  std::string text;
  for (const FilePart& part : answer.parts) {
    std::array<char, 100> buffer;
    const ssize_t size = ::pread(answer.file.get(), buffer.data(), part.range.length,
                                 static_cast<off_t>(part.range.offset));
    text += part.text + std::string(buffer.data(), static_cast<std::size_t>(size));
  }
  return text + answer.text;
}

std::string body(const StaticFiles& files, std::string_view path,
                 std::string_view accept_encoding) {
  return body(*files.answer(path, asking("GET", accept_encoding)));
}

}  // namespace

TEST_SUITE("static files") {
  TEST_CASE("a file is the body, with its type and length") {
    const Site site;
    const auto answer = site.files().answer("/static/a.css", asking("GET"));
    CHECK(answer->status == "200 OK");
    CHECK(field(*answer, "Content-Type") == "text/css; charset=utf-8");
    CHECK(field(*answer, "Content-Length") == "5");
    CHECK(field(*answer, "Last-Modified") == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(field(*answer, "Cache-Control") == "");
    CHECK(body(*answer) == "plain");
  }

  TEST_CASE("what no mount has is not answered") {
    const Site site;
    CHECK(status(site.files(), "/") == "none");
    CHECK(status(site.files(), "/statics/a.css") == "none");
    CHECK(status(site.files(), "/other", "POST") == "none");
  }

  TEST_CASE("what is not served is not found") {
    const Site site;
    site.file(".env", "password");
    for (const char* const path :
         {"/static", "/static/", "/static/nowhere", "/static/docs", "/static/docs/", "/static/.env",
          "/static/../a.css", "/static//a.css", "/static/a.css/"}) {
      CAPTURE(path);
      CHECK(status(site.files(), path) == "404 Not Found");
      CHECK(site.files().answer(path, asking("GET"))->error == 0);
    }
    const auto missing = site.files().answer("/static/nowhere", asking("GET"));
    CHECK(body(*missing) == "404 Not Found\nThere is no such file.\n");
    CHECK(field(*missing, "Content-Length") == "37");
    const auto head = site.files().answer("/static/nowhere", asking("HEAD"));
    CHECK(body(*head) == "");
    CHECK(head->fields == missing->fields);
  }

  TEST_CASE("other methods are refused, whether there is a file or not") {
    const Site site;
    for (const char* const method : {"POST", "PUT", "DELETE", "OPTIONS", "get", ""}) {
      for (const char* const path : {"/static/a.css", "/static/nowhere"}) {
        const auto answer = site.files().answer(path, asking(method));
        CHECK(answer->status == "405 Method Not Allowed");
        CHECK(field(*answer, "Allow") == "GET, HEAD");
      }
    }
    CHECK(status(site.files(), "/static/a.css", "HEAD") == "200 OK");
  }

  TEST_CASE("an index file answers for its folder, but only with the slash") {
    const Site site;
    const StaticFiles files = site.files({}, "index.html");
    CHECK(body(files, "/static/docs/", "") == "index");
    CHECK(field(*files.answer("/static/docs/", asking("GET")), "Content-Type") ==
          "text/html; charset=utf-8");
    CHECK(status(files, "/static/docs") == "404 Not Found");
    CHECK(status(files, "/static/") == "404 Not Found");
  }

  TEST_CASE("caches keep files for as long as is said, and hashed names for a year") {
    const Site site;
    const StaticFiles files = site.files({.max_age = 60});
    const auto cache_control = [&](const StaticFiles& of, const char* path) {
      return field(*of.answer(path, asking("GET")), "Cache-Control");
    };
    constexpr const char* kImmutable = "public, max-age=31536000, immutable";
    CHECK(cache_control(files, "/static/a.css") == "max-age=60");
    CHECK(cache_control(files, "/static/base.27e20196a850.css") == kImmutable);
    CHECK(cache_control(site.files(), "/static/base.27e20196a850.css") == kImmutable);
    CHECK(cache_control(files, "/static/nowhere") == "");
  }

  TEST_CASE("the compressed file that the client likes best is sent") {
    const Site site;
    site.file("a.css.gz", "gzipped");
    site.file("a.css.br", "brotli");
    const StaticFiles files = site.files({.precompressed = true});
    CHECK(body(files, "/static/a.css", "gzip, br, zstd") == "brotli");
    CHECK(body(files, "/static/a.css", "gzip, br;q=0.5") == "gzipped");
    CHECK(body(files, "/static/a.css", "zstd") == "plain");
    CHECK(body(files, "/static/a.css", "") == "plain");
    CHECK(body(files, "/static/a.css", "identity;q=0") == "plain");
    const auto answer = files.answer("/static/a.css", asking("GET", "br"));
    CHECK(field(*answer, "Content-Encoding") == "br");
    CHECK(field(*answer, "Content-Type") == "text/css; charset=utf-8");
    CHECK(field(*answer, "Content-Length") == "6");
    CHECK(field(*answer, "Vary") == "Accept-Encoding");
    CHECK(field(*answer, "ETag").ends_with("-br\""));
  }

  TEST_CASE("caches learn what the response depends on, wherever it may") {
    const Site site;
    site.file("a.png.gz", "gzipped");
    const StaticFiles files = site.files({.precompressed = true});
    CHECK(field(*files.answer("/static/a.css", asking("GET")), "Vary") == "Accept-Encoding");
    CHECK(field(*files.answer("/static/a.png", asking("GET", "gzip")), "Vary") == "");
    CHECK(body(files, "/static/a.png", "gzip") == "picture");
    CHECK(field(*site.files().answer("/static/a.css", asking("GET")), "Vary") == "");
  }

  TEST_CASE("without the option compressed files are files of their own") {
    const Site site;
    site.file("a.css.gz", "gzipped");
    CHECK(body(site.files(), "/static/a.css", "gzip") == "plain");
    const auto answer = site.files().answer("/static/a.css.gz", asking("GET", "gzip"));
    CHECK(field(*answer, "Content-Type") == "application/gzip");
    CHECK(field(*answer, "Content-Encoding") == "");
    CHECK(body(*answer) == "gzipped");
  }

  TEST_CASE("a compressed file from before the last change does not count") {
    const Site site;
    const StaticFiles files = site.files({.precompressed = true});
    site.file("a.css", "plain", kTime, 900);
    site.file("a.css.gz", "gzipped", kTime - 1);
    site.file("a.css.br", "brotli", kTime + 1);
    CHECK(body(files, "/static/a.css", "gzip") == "plain");
    CHECK(body(files, "/static/a.css", "br") == "brotli");
    site.file("a.css.gz", "gzipped", kTime, 0);
    CHECK(body(files, "/static/a.css", "gzip") == "gzipped");
  }

  TEST_CASE("a file that cannot be opened is an error, with the reason for the log") {
    const Site site;
    CHECK(in_process([&] {
            const StaticFiles files = site.files();
            const rlimit none{0, 0};
            if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 1;
            const auto answer = files.answer("/static/a.css", asking("GET"));
            if (answer->status != "503 Service Unavailable") return 2;
            return answer->error == EMFILE ? 42 : 3;
          }) == 42);
  }

  TEST_CASE("a file that may not be read is forbidden, with the reason for the log") {
    const Site site;
    std::filesystem::permissions(site.folder / "a.css", std::filesystem::perms::none);
    CHECK(in_process([&] {
            const StaticFiles files = site.files();
            std::filesystem::permissions(site.folder.path(), std::filesystem::perms::all);
            if (::geteuid() == 0 && ::setuid(54'321) != 0) return 1;
            const auto answer = files.answer("/static/a.css", asking("GET"));
            if (answer->status != "403 Forbidden") return 2;
            return answer->error == EACCES ? 42 : 3;
          }) == 42);
  }
}

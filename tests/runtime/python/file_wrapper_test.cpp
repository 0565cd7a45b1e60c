// Tests of responses from files.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "python_host.hpp"

TEST_SUITE_BEGIN("file wrapper");

using namespace appd;
using namespace appd::test;

namespace {

/// A file of 100,000 bytes, removed at the end.
class SampleFile {
 public:
  SampleFile() {
    char name[] = "/tmp/appd-test-XXXXXX";
    const int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    close(fd);
    path = name;
    for (int i = 0; i < 10'000; ++i) content += "0123456789";
    content[50'000] = '!';
    std::ofstream(path) << content;
  }
  ~SampleFile() { std::filesystem::remove(path); }

  std::string path;
  std::string content;
};

/// An application that returns wsgi.file_wrapper around `file`, an expression over `path`.
ExchangePointer run(const std::string& path, const std::string& file,
                    const std::string& headers = "[]", const fakes::Variables& more = {}) {
  return host().run(
      "import io, gzip, tempfile\nshared.events = []\n"
      "class Noting(io.BytesIO):\n"
      "    def read(self, *size): shared.events.append('read'); return "
      "super().read(*size)\n"
      "    def close(self): shared.events.append('close'); super().close()\n"
      "def opened_at(path, position, read=0, **named):\n"
      "    file = open(path, 'rb', **named)\n"
      "    file.seek(position)\n"
      "    file.read(read)\n"
      "    shared.file = file\n"
      "    return file\n"
      "def application(environ, start_response):\n"
      "    path = '" +
          path +
          "'\n"
          "    start_response('200 OK', " +
          headers +
          ")\n"
          "    return environ['wsgi.file_wrapper'](" +
          file + ")\n",
      with(get_variables(), more));
}

std::string shown(const std::string& expression) {
  return host().body_of("def application(e, s):\n    return respond(s, repr(" + expression +
                        "))\n");
}

}  // namespace

TEST_CASE("a regular file is sent by its descriptor, from its position, with its length") {
  const SampleFile sample;
  struct Case {
    const char* file;
    std::size_t position;
  };
  for (const Case& one : {Case{"opened_at(path, 0)", 0}, Case{"opened_at(path, 0, buffering=0)", 0},
                          Case{"opened_at(path, 7)", 7}, Case{"opened_at(path, 7, read=10)", 17}}) {
    CAPTURE(one.file);
    const auto exchange = run(sample.path, one.file);
    const std::string rest = sample.content.substr(one.position);
    CHECK(exchange->sent_file);
    CHECK(exchange->sent == rest);
    CHECK(exchange->head->field("Content-Length") == std::to_string(rest.size()));
    CHECK(exchange->breaches.empty());
    CHECK(shown("shared.file.closed") == "True");
  }
}

TEST_CASE("Content-Length cuts a file, and a file that is too short for it is a 500") {
  const SampleFile sample;
  const auto cut = run(sample.path, "opened_at(path, 5)", "[('Content-Length', '10')]");
  CHECK(cut->sent_file);
  CHECK(cut->sent == sample.content.substr(5, 10));
  const auto missing = run(sample.path, "opened_at(path, 0)", "[('Content-Length', '100001')]");
  CHECK_FALSE(missing->sent_file);
  CHECK(missing->head->status == "500 Internal Server Error");
  CHECK(shown("shared.file.closed") == "True");
}

TEST_CASE("a file at its end is an empty response") {
  const SampleFile sample;
  const auto exchange = run(sample.path, "opened_at(path, 100000)");
  CHECK(exchange->sent.empty());
  CHECK(exchange->head->field("Content-Length") == "0");
  CHECK(exchange->ended);
}

TEST_CASE("what only looks like a plain file is read") {
  const SampleFile sample;
  const SampleFile packed;
  host().run("import gzip\ndef application(e, s):\n    with gzip.open('" + packed.path +
             "', 'wb') as file: file.write(b'unpacked')\n    return respond(s, '')\n");
  const auto unpacked = run(packed.path, "gzip.open(path, 'rb')");
  CHECK_FALSE(unpacked->sent_file);
  CHECK(unpacked->sent == "unpacked");
  const auto buffered = run(packed.path, "io.BufferedReader(gzip.open(path, 'rb'))");
  CHECK_FALSE(buffered->sent_file);
  CHECK(buffered->sent == "unpacked");
  const auto derived = run(sample.path,
                           "type('Own', (io.FileIO,), {'read': lambda self, size: "
                           "b'its own' if not "
                           "shared.events.append(1) and len(shared.events) == 1 "
                           "else b''})(path)");
  CHECK_FALSE(derived->sent_file);
  CHECK(derived->sent == "its own");
  const auto memory = run("", "Noting(b'in memory'), 4");
  CHECK(memory->sent == "in memory");
  CHECK(memory->pieces.size() == 4);
  CHECK(shown("shared.events") == "['read', 'read', 'read', 'read', 'close']");
}

TEST_CASE("a device or a pipe is read, not sent by its descriptor") {
  const auto exchange = run("/dev/null", "open(path, 'rb')");
  CHECK_FALSE(exchange->sent_file);
  CHECK(exchange->sent.empty());
  CHECK(exchange->ended);
}

TEST_CASE("a closed file is an error of the application") {
  const SampleFile sample;
  const auto exchange =
      run(sample.path, "(lambda file: (file.close(), file)[1])(open(path, 'rb'))");
  CHECK(exchange->head->status == "500 Internal Server Error");
}

TEST_CASE("HEAD reads nothing of the file and closes it") {
  const auto exchange = run("", "Noting(b'in memory')", "[]", {{"REQUEST_METHOD", "HEAD"}});
  CHECK(exchange->sent.empty());
  CHECK(exchange->ended);
  CHECK(shown("shared.events") == "['close']");
}

TEST_CASE("what was written comes before the file") {
  const SampleFile sample;
  const auto exchange = host().run(
      "def application(environ, start_response):\n"
      "    start_response('200 OK', [])(b'before,')\n"
      "    return environ['wsgi.file_wrapper'](open('" +
      sample.path + "', 'rb'))\n");
  CHECK(exchange->sent == "before," + sample.content);
  CHECK(exchange->head->field("Content-Length").empty());
  CHECK(exchange->breaches.empty());
}

TEST_CASE("a file after all announced bytes were written is only closed") {
  const SampleFile sample;
  const auto exchange = host().run(
      "def application(environ, start_response):\n"
      "    start_response('200 OK', [('Content-Length', '4')])(b'full')\n"
      "    shared.file = open('" +
      sample.path +
      "', 'rb')\n"
      "    return environ['wsgi.file_wrapper'](shared.file)\n");
  CHECK(exchange->sent == "full");
  CHECK(exchange->breaches.empty());
  CHECK(shown("shared.file.closed") == "True");
}

TEST_CASE("the wrapper iterates, and has close exactly when the file has it") {
  CHECK(host().body_of(R"(
import io
class Bare:
    def __init__(self): self.parts = [b"one", b"two", b""]; self.sizes = []
    def read(self, size): self.sizes.append(size); return self.parts.pop(0)
def application(environ, start_response):
    wrapper = environ["wsgi.file_wrapper"]
    bare, file = Bare(), io.BytesIO(b"abcdef")
    closing = wrapper(file, 4)
    found = [hasattr(wrapper(bare), "close"), list(wrapper(bare)), bare.sizes]
    found += [list(closing), hasattr(closing, "close"), closing.close(), file.closed]
    found += [raised_by(wrapper), list(wrapper(filelike=io.BytesIO(b"named"), blksize=2))]
    return respond(start_response, found)
)") == "[False, [b'one', b'two'], [8192, 8192, 8192], [b'abcd', b'ef'], True, None, True, "
       "'TypeError', [b'na', b'me', b'd']]");
}

TEST_CASE("a wrapper and a file that own each other are collected") {
  host().run(
      "def application(environ, start_response):\n"
      "    file = type('File', (), {})()\n"
      "    file.wrapper = environ['wsgi.file_wrapper'](file)\n"
      "    return respond(start_response, '')\n");
  host().run("import gc\ndef application(e, s):\n    gc.collect()\n    return respond(s, '')\n");
  CHECK(host().runtime().live_objects().file_wrappers == 0);
}

TEST_SUITE_END();

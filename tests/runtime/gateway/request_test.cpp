// Tests of a request's method and of its cleaned variables, single and repeated.

#include "runtime/gateway/request.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/fronts.hpp"
#include "runtime/gateway/prepared_request.hpp"
#include "runtime/gateway/sent_variables.hpp"

namespace appd::gateway {

using namespace test;

TEST_SUITE_BEGIN("request");

TEST_CASE("every front's variables give the same request") {
  struct Row {
    std::string_view sent;
    Front front;
    BodyEnd body_end;
    std::string_view server_name;
    std::string_view server_port;
    std::string_view cookie;
  };
  const Row rows[] = {
      {fronts::kNginxFastcgi, Front::nginx, BodyEnd::on_wire, "example.test", "18010", "a=1; b=2"},
      {fronts::kNginxUwsgi, Front::other, BodyEnd::by_length, "example.test", "18013", "a=1; b=2"},
      {fronts::kNginxScgi, Front::other, BodyEnd::by_length, "example.test", "18014", "a=1; b=2"},
      {fronts::kApacheFastcgi, Front::apache, BodyEnd::on_wire, "example.test", "8080", "a=1, b=2"},
      {fronts::kApacheUwsgi, Front::apache, BodyEnd::by_length, "example.test", "8080", "a=1, b=2"},
      {fronts::kApacheScgi, Front::apache, BodyEnd::by_length, "example.test", "8080", "a=1, b=2"},
      {fronts::kLighttpd, Front::lighttpd, BodyEnd::on_wire, "example.test", "18031", "a=1; b=2"},
      {fronts::kHaproxy, Front::haproxy, BodyEnd::on_wire, "example.test", "18042", "a=1; b=2"},
      {fronts::kCaddy, Front::caddy, BodyEnd::on_wire, "example.test", "8080", "a=1, b=2"},
  };
  for (const Row& row : rows) {
    const Prepared got(row.sent, "", {}, row.body_end);
    CAPTURE(row.sent);
    REQUIRE_FALSE(got.refusal);
    CHECK(got.request.front() == row.front);
    CHECK(got.request.method() == "GET");
    CHECK(got.request.uri() == "/app/hello.py/extra?a=1&b=%20x");
    CHECK(got.request.url_scheme() == "http");
    CHECK(got.request.content_length() == 0);
    CHECK(has(got.request, "SCRIPT_NAME"));
    CHECK(got["SCRIPT_NAME"] == "");
    CHECK(got["PATH_INFO"] == "/app/hello.py/extra");
    CHECK(got["QUERY_STRING"] == "a=1&b=%20x");
    CHECK(got["REQUEST_METHOD"] == "GET");
    CHECK(got["SERVER_NAME"] == row.server_name);
    CHECK(got["SERVER_PORT"] == row.server_port);
    CHECK(got["SERVER_PROTOCOL"] == "HTTP/1.1");
    CHECK(got["HTTP_X_DUP"] == "one, two");
    CHECK(got["HTTP_COOKIE"] == row.cookie);
    CHECK_FALSE(has(got.request, "HTTP_PROXY"));
    CHECK_FALSE(has(got.request, "PATH"));
    CHECK_FALSE(has(got.request, "CONTENT_TYPE"));
    std::set<std::string_view> names;
    for (const Variable& variable : got.request.environ()) {
      CHECK_FALSE(variable.name.empty());
      CHECK(names.insert(variable.name).second);
    }
  }
}

TEST_CASE("variables that the front adds for the application pass as they are") {
  const Prepared got(kGet,
                     "FOO=bar\nSSL_CLIENT_VERIFY=SUCCESS\nproxy-sendchunked=1\nHTTPS=\nSCGI=1\n"
                     "HTTP_SCRIPT_NAME=spoof\nHTTP_X_EMPTY=\nDOCUMENT_ROOT=/srv\n");
  REQUIRE_FALSE(got.refusal);
  CHECK(got["FOO"] == "bar");
  CHECK(got["SSL_CLIENT_VERIFY"] == "SUCCESS");
  CHECK(got["proxy-sendchunked"] == "1");
  CHECK(has(got.request, "HTTPS"));
  CHECK(got["HTTP_SCRIPT_NAME"] == "spoof");
  CHECK(has(got.request, "HTTP_X_EMPTY"));
  CHECK(got["DOCUMENT_ROOT"] == "/srv");
}

TEST_CASE("the server's and the client's traps do not reach the application") {
  const Prepared got(
      kPost,
      "CONTENT_LENGTH=2\nHTTP_CONTENT_LENGTH=2\nHTTP_CONTENT_TYPE=a/b\nHTTP_PROXY=http://e/\n"
      "HTTP_TRANSFER_ENCODING=chunked\nPATH=/bin\nLD_PRELOAD=x\nUWSGI_FILE=/x.py\n"
      "UWSGI_SCHEME=https\nHTTP_X.A=1\nwsgi.input=x\n=1\nHTTP_HOST=\n");
  REQUIRE_FALSE(got.refusal);
  std::set<std::string_view> names;
  for (const Variable& variable : got.request.environ()) names.insert(variable.name);
  CHECK(names == std::set<std::string_view>{"REQUEST_METHOD", "REQUEST_URI", "CONTENT_LENGTH",
                                            "SCRIPT_NAME", "PATH_INFO", "SERVER_NAME",
                                            "SERVER_PORT", "SERVER_PROTOCOL", "QUERY_STRING"});
}

TEST_CASE("repeated headers are joined in their order, each name for itself") {
  const Prepared got(kGet,
                     "HTTP_A=1\nHTTP_B=x\nHTTP_A=\nHTTP_COOKIE=k=1\nHTTP_B=y\nHTTP_A=3\n"
                     "HTTP_COOKIE=l=2\nHTTP_C=alone\n");
  REQUIRE_FALSE(got.refusal);
  CHECK(got["HTTP_A"] == "1, , 3");
  CHECK(got["HTTP_B"] == "x, y");
  CHECK(got["HTTP_COOKIE"] == "k=1; l=2");
  CHECK(got["HTTP_C"] == "alone");
}

TEST_CASE("many repeated headers keep their order too") {
  NamesAndValues sent = lines(kGet);
  std::string a, b;
  for (int i = 0; i < 60; ++i) {
    sent.emplace_back(i % 2 ? "HTTP_A" : "HTTP_B", std::to_string(i));
    std::string& expected = i % 2 ? a : b;
    expected += (i < 2 ? "" : ", ") + std::to_string(i);
  }
  Request request;
  REQUIRE_FALSE(prepare(request, sent));
  CHECK(request.find("HTTP_A") == a);
  CHECK(request.find("HTTP_B") == b);
}

TEST_CASE("of a variable that is sent with several values the last one counts") {
  using Names = std::vector<std::string_view>;
  struct Row {
    const char* sent;
    const char* name;
    const char* value;
    Names overridden;
  };
  const Row rows[] = {
      {"FOO=1\nFOO=2\n", "FOO", "2", {"FOO"}},
      {"FOO=1\nFOO=2\nFOO=1\nBAR=\n", "FOO", "1", {"FOO", "FOO"}},
      {"SERVER_NAME=a\nREMOTE_USER=me\nSERVER_NAME=b:80\n", "SERVER_NAME", "b", {"SERVER_NAME"}},
      {"SERVER_NAME=a\nSERVER_NAME=a\nREQUEST_METHOD=GET\n", "SERVER_NAME", "a", {}},
      {"HTTPS=on\nHTTPS=\n", "HTTPS", "", {"HTTPS"}},
      {"SCRIPT_NAME=/x\nSCRIPT_NAME=\n", "SCRIPT_NAME", "", {"SCRIPT_NAME"}},
      {"HTTP_HOST=a\nHTTP_HOST=b\n", "HTTP_HOST", "b", {"HTTP_HOST"}},
      {"HTTP_HOST=a\nHTTP_HOST=a:8080\n", "HTTP_HOST", "a:8080", {}},
      {"HTTP_HOST=a:8080\nHTTP_HOST=a\n", "HTTP_HOST", "a", {"HTTP_HOST"}},
      {"HTTP_HOST=a\nHTTP_HOST=a:x\n", "HTTP_HOST", "a:x", {"HTTP_HOST"}},
      {"HTTP_HOST=a\nHTTP_HOST=a:\n", "HTTP_HOST", "a:", {"HTTP_HOST"}},
      {"HTTP_HOST=a\nHTTP_HOST=\n", "HTTP_HOST", "", {"HTTP_HOST"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sent);
    const Prepared got(kGet, row.sent);
    REQUIRE_FALSE(got.refusal);
    CHECK(got[row.name] == row.value);
    const auto overridden = got.request.overridden();
    CHECK(Names(overridden.begin(), overridden.end()) == row.overridden);
  }
  CHECK(Prepared(kGet, "HTTPS=\nHTTPS=on\n").request.url_scheme() == "https");
  CHECK(Prepared(kGet, "HTTPS=on\nHTTPS=\n").request.url_scheme() == "http");
}

TEST_CASE("an override is forgotten with its request") {
  Request request;
  REQUIRE_FALSE(prepare(request, lines(with(kGet, "FOO=1\nFOO=2\n"))));
  CHECK(request.overridden().size() == 1);
  REQUIRE_FALSE(prepare(request, lines(with(kGet, "FOO=3\n"))));
  CHECK(request.overridden().empty());
  CHECK(request.find("FOO") == "3");
}

TEST_CASE("what says where a request ends must not be said in two ways") {
  for (const char* more : {"REQUEST_METHOD=POST\n", "CONTENT_LENGTH=\nCONTENT_LENGTH=5\n",
                           "CONTENT_LENGTH=5\nCONTENT_LENGTH=4\n"}) {
    CAPTURE(more);
    const Prepared got(kGet, more);
    REQUIRE(got.refusal);
    CHECK(got.refusal->status == 400);
    CHECK(got.refusal->reason.find("twice with different values") != std::string::npos);
    CHECK(got.request.method() == "GET");
    CHECK(got.request.uri() == "/x");
  }
  CHECK(Prepared(kGet, "REQUEST_METHOD=POST\n").refusal->reason.starts_with("REQUEST_METHOD "));
}

TEST_CASE("a method must be there and be a token") {
  for (const char* method : {"GET", "PROPFIND", "M-SEARCH", "x"}) {
    CAPTURE(method);
    CHECK_FALSE(Prepared("REQUEST_URI=/\n", with(with("REQUEST_METHOD=", method), "\n")).refusal);
  }
  for (const char* sent :
       {"", "REQUEST_METHOD=\n", "REQUEST_METHOD=G T\n", "REQUEST_METHOD=GET/\n"}) {
    CAPTURE(sent);
    const Prepared got("REQUEST_URI=/there?q\nSERVER_SOFTWARE=nginx/1.22.1\n", sent);
    REQUIRE(got.refusal);
    CHECK(got.refusal->status == 400);
    CHECK(got.refusal->reason.starts_with("REQUEST_METHOD is "));
    CHECK(got.request.uri() == "/there?q");
    CHECK(got.request.front() == Front::nginx);
  }
  CHECK(Prepared("REQUEST_METHOD=HEAD\n", "").request.is_head());
  CHECK_FALSE(Prepared(kGet, "").request.is_head());
}

TEST_CASE("a remote user is dropped when the operator says so, a Unix socket is no address") {
  EnvironPolicy policy;
  constexpr const char* kUser = "REMOTE_USER=u\nAUTH_TYPE=Basic\nHTTP_REMOTE_USER=h\n";
  CHECK(Prepared(kGet, kUser, policy)["REMOTE_USER"] == "u");
  CHECK(Prepared(kGet, kUser, policy)["AUTH_TYPE"] == "Basic");
  policy.drop_remote_user = true;
  const Prepared dropped(kGet, kUser, policy);
  CHECK_FALSE(has(dropped.request, "REMOTE_USER"));
  CHECK_FALSE(has(dropped.request, "AUTH_TYPE"));
  CHECK(dropped["HTTP_REMOTE_USER"] == "h");
  CHECK(has(Prepared(kGet, "REMOTE_ADDR=unix:\n").request, "REMOTE_ADDR"));
  CHECK(Prepared(kGet, "REMOTE_ADDR=unix:\n")["REMOTE_ADDR"] == "");
  CHECK(Prepared(kGet, "REMOTE_ADDR=10.0.0.1\n")["REMOTE_ADDR"] == "10.0.0.1");
}

TEST_CASE("bytes that are no ASCII pass unchanged") {
  const Prepared got(kGet, "HTTP_X=caf\xe9 \xc3\xa9\nPATH_INFO=/\xff\xe9\n");
  CHECK(got["HTTP_X"] == "caf\xe9 \xc3\xa9");
  CHECK(got["PATH_INFO"] == "/\xff\xe9");
}

TEST_SUITE_END();

}  // namespace appd::gateway

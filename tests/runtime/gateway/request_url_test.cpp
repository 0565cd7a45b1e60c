// Tests of a request's URL: scheme, server, path.

#include <doctest/doctest.h>

#include "runtime/gateway/fronts.hpp"
#include "runtime/gateway/prepared_request.hpp"

namespace appd::gateway {

using namespace test;

TEST_SUITE_BEGIN("request");

TEST_CASE("the scheme comes from HTTPS, then REQUEST_SCHEME, and from clients only when trusted") {
  EnvironPolicy nobody, forwarded, uwsgi;
  forwarded.trust_forwarded_proto = true;
  uwsgi.trust_uwsgi_scheme = true;
  struct Row {
    const char* sent;
    const EnvironPolicy& policy;
    const char* scheme;
  };
  const Row rows[] = {
      {"", nobody, "http"},
      {"HTTPS=on\nREQUEST_SCHEME=http\n", nobody, "https"},
      {"HTTPS=ON\n", nobody, "https"},
      {"HTTPS=1\n", nobody, "https"},
      {"HTTPS=yes\n", nobody, "https"},
      {"HTTPS=True\n", nobody, "https"},
      {"HTTPS=https\n", nobody, "https"},
      {"HTTPS=off\n", nobody, "http"},
      {"HTTPS=\n", nobody, "http"},
      {"HTTPS=0\n", nobody, "http"},
      {"HTTPS=off\nREQUEST_SCHEME=https\n", nobody, "https"},
      {"REQUEST_SCHEME=HTTPS\n", nobody, "https"},
      {"REQUEST_SCHEME=gopher\n", nobody, "http"},
      {"HTTP_X_FORWARDED_PROTO=https\n", nobody, "http"},
      {"HTTP_X_FORWARDED_PROTO=https\n", forwarded, "https"},
      {"HTTP_X_FORWARDED_PROTO=http\nHTTPS=on\n", forwarded, "http"},
      {"HTTP_X_FORWARDED_PROTO=https, http\n", forwarded, "http"},
      {"HTTP_X_FORWARDED_PROTO=https\nHTTP_X_FORWARDED_PROTO=http\n", forwarded, "http"},
      {"HTTP_X_FORWARDED_PROTO=ws\nHTTPS=on\n", forwarded, "https"},
      {"UWSGI_SCHEME=https\n", nobody, "http"},
      {"UWSGI_SCHEME=https\n", uwsgi, "https"},
      {"UWSGI_SCHEME=http\nHTTPS=on\n", uwsgi, "http"},
      {"UWSGI_SCHEME=ftp\nHTTPS=on\n", uwsgi, "https"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sent);
    const Prepared got(kGet, row.sent, row.policy);
    REQUIRE_FALSE(got.refusal);
    CHECK(got.request.url_scheme() == row.scheme);
  }
}

TEST_CASE("the server's name has no port and is never empty") {
  struct Row {
    const char* sent;
    const char* name;
  };
  const Row rows[] = {
      {"SERVER_NAME=a.test\nHTTP_HOST=b.test\n", "a.test"}, {"SERVER_NAME=a.test:8080\n", "a.test"},
      {"SERVER_NAME=\nHTTP_HOST=b.test:8080\n", "b.test"},  {"HTTP_HOST=b.test\n", "b.test"},
      {"SERVER_NAME=:80\nHTTP_HOST=b.test\n", "b.test"},    {"SERVER_NAME=[::1]:8080\n", "[::1]"},
      {"SERVER_NAME=\nHTTP_HOST=[fe80::1]\n", "[fe80::1]"}, {"SERVER_NAME=::1\n", "::1"},
      {"SERVER_NAME=\nHTTP_HOST=\n", "localhost"},          {"", "localhost"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sent);
    CHECK(Prepared(kGet, row.sent)["SERVER_NAME"] == row.name);
  }
}

TEST_CASE("what WSGI wants and the front does not send has a default") {
  const Prepared bare(kGet, "");
  CHECK(bare["SERVER_PORT"] == "80");
  CHECK(bare["SERVER_PROTOCOL"] == "HTTP/1.1");
  CHECK(has(bare.request, "QUERY_STRING"));
  CHECK(has(bare.request, "SCRIPT_NAME"));
  CHECK(bare["PATH_INFO"] == "/x");
  CHECK(Prepared(kGet, "HTTPS=on\n")["SERVER_PORT"] == "443");
  CHECK(Prepared(kGet, "SERVER_PORT=http\n")["SERVER_PORT"] == "80");
  CHECK(Prepared(kGet, "SERVER_PORT=8x\nSERVER_PROTOCOL=\n")["SERVER_PORT"] == "80");
  CHECK(Prepared(kGet, "SERVER_PROTOCOL=\n")["SERVER_PROTOCOL"] == "HTTP/1.1");
  CHECK(Prepared(kGet, "SERVER_PROTOCOL=HTTP/2.0\n")["SERVER_PROTOCOL"] == "HTTP/2.0");
}

TEST_CASE("mount and trust shape the path") {
  EnvironPolicy mounted, trusting;
  mounted.mount = "/app";
  trusting.trust_script_name = true;
  const Prepared below(fronts::kNginxFastcgi, "", mounted);
  CHECK(below["SCRIPT_NAME"] == "/app");
  CHECK(below["PATH_INFO"] == "/hello.py/extra");
  const Prepared trusted(fronts::kNginxFastcgi, "", trusting);
  CHECK(trusted["SCRIPT_NAME"] == "/app/hello.py/extra");
  CHECK(has(trusted.request, "PATH_INFO"));
  CHECK(trusted["PATH_INFO"] == "");
  const Prepared split("REQUEST_METHOD=GET\nREQUEST_URI=/app/x\nSCRIPT_NAME=/app\nPATH_INFO=/x\n",
                       "");
  CHECK(split["SCRIPT_NAME"] == "/app");
  CHECK(split["PATH_INFO"] == "/x");
}

TEST_CASE("an absolute request target is kept for logs and decoded for the path") {
  const Prepared got("REQUEST_METHOD=GET\nREQUEST_URI=http://abs.test/a%20b?q=%20\n", "");
  CHECK(got.request.uri() == "http://abs.test/a%20b?q=%20");
  CHECK(got["REQUEST_URI"] == "http://abs.test/a%20b?q=%20");
  CHECK(got["PATH_INFO"] == "/a b");
}

TEST_CASE("without REQUEST_URI the log has script name, path and query") {
  CHECK(Prepared("REQUEST_METHOD=GET\nSCRIPT_NAME=/s\nPATH_INFO=/p\nQUERY_STRING=q=1\n", "")
            .request.uri() == "/s/p?q=1");
  CHECK(Prepared("REQUEST_METHOD=GET\nPATH_INFO=/p\nQUERY_STRING=\n", "").request.uri() == "/p");
  CHECK(Prepared("SCRIPT_NAME=/s\n", "").request.uri() == "/s");
}

TEST_SUITE_END();

}  // namespace appd::gateway

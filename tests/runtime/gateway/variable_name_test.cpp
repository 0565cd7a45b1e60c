// Tests of which variables reach the application.

#include "runtime/gateway/variable_name.hpp"

#include <doctest/doctest.h>

#include <string>

namespace appd::gateway {

TEST_SUITE_BEGIN("variable name");

TEST_CASE("what applications use passes") {
  for (const char* name : {"REQUEST_METHOD", "HTTP_HOST", "HTTP_X_A_B", "HTTP_X1",
                           "SSL_CLIENT_S_DN", "FOO", "SCGI", "proxy-sendchunked", "MyVar", "HTTP",
                           "HTTPS", "HTTP_HTTP_PROXY", "UWSGI", "PATH_INFO", "LDAP_URL", "X=Y"}) {
    CAPTURE(name);
    CHECK(use_of(name) == NameUse::pass);
  }
}

TEST_CASE("what is dangerous or no CGI name is dropped") {
  for (const std::string& name : {std::string("HTTP_PROXY"), std::string("HTTP_CONTENT_TYPE"),
                                  std::string("PATH"),       std::string("LD_LIBRARY_PATH"),
                                  std::string("LD_PRELOAD"), std::string("PYTHONPATH"),
                                  std::string("PYTHONHOME"), std::string("UWSGI_FILE"),
                                  std::string("UWSGI_"),     std::string("wsgi.input"),
                                  std::string("appd.x"),     std::string("a.b"),
                                  std::string(""),           std::string("HTTP_"),
                                  std::string("HTTP_X.A.B"), std::string("HTTP_x"),
                                  std::string("HTTP_A-B"),   std::string("HTTP_\xc3\xa9"),
                                  std::string("A B"),        std::string("A\n"),
                                  std::string("A\x7f"),      std::string("A\0B", 3),
                                  std::string("A\xe9")}) {
    CAPTURE(name);
    CHECK(use_of(name) == NameUse::drop);
  }
}

TEST_CASE("what is dropped but looked at has a use of its own") {
  CHECK(use_of("HTTP_CONTENT_LENGTH") == NameUse::client_length);
  CHECK(use_of("APPD_CONTENT_LENGTH") == NameUse::front_length);
  CHECK(use_of("HTTP_APPD_CONTENT_LENGTH") == NameUse::pass);
  CHECK(use_of("HTTP_TRANSFER_ENCODING") == NameUse::transfer_encoding);
  CHECK(use_of("UWSGI_SCHEME") == NameUse::uwsgi_scheme);
}

TEST_CASE("tokens are those of RFC 9110") {
  for (const char* token : {"GET", "get", "M-SEARCH", "!#$%&'*+-.^_`|~", "1"}) {
    CAPTURE(token);
    CHECK(is_token(token));
  }
  for (const char* other : {"", "G ET", "GET\r", "G(T", "G\"", "G/", "G,", "\xe9", "G\x7f"}) {
    CAPTURE(other);
    CHECK_FALSE(is_token(other));
  }
}

TEST_SUITE_END();

}  // namespace appd::gateway

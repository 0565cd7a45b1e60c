// The variables that real fronts send for one request.
#pragma once

#include <string_view>

/// What the front servers of Debian 12 send for
///
///     GET /app/hello.py/extra?a=1&b=%20x HTTP/1.1
///     Host: example.test:8080
///
/// with X-Dup and Cookie twice, a Basic Authorization, a Proxy header and X-Forwarded-Proto: https.
namespace appd::gateway::test::fronts {

// include fastcgi_params
inline constexpr std::string_view kNginxFastcgi = R"(QUERY_STRING=a=1&b=%20x
REQUEST_METHOD=GET
CONTENT_TYPE=
CONTENT_LENGTH=
SCRIPT_NAME=/app/hello.py/extra
REQUEST_URI=/app/hello.py/extra?a=1&b=%20x
DOCUMENT_URI=/app/hello.py/extra
DOCUMENT_ROOT=/srv/www
SERVER_PROTOCOL=HTTP/1.1
REQUEST_SCHEME=http
GATEWAY_INTERFACE=CGI/1.1
SERVER_SOFTWARE=nginx/1.22.1
REMOTE_ADDR=127.0.0.1
REMOTE_PORT=42024
REMOTE_USER=user
SERVER_ADDR=127.0.0.1
SERVER_PORT=18010
SERVER_NAME=
REDIRECT_STATUS=200
HTTP_HOST=example.test
HTTP_USER_AGENT=t/1
HTTP_ACCEPT=*/*
HTTP_X_DUP=one
HTTP_X_DUP=two
HTTP_COOKIE=a=1
HTTP_COOKIE=b=2
HTTP_AUTHORIZATION=Basic dXNlcjpwYXNz
HTTP_PROXY=http://evil/
HTTP_X_FORWARDED_PROTO=https
HTTP_CONNECTION=close
)";

// include uwsgi_params
inline constexpr std::string_view kNginxUwsgi = R"(QUERY_STRING=a=1&b=%20x
REQUEST_METHOD=GET
CONTENT_TYPE=
CONTENT_LENGTH=
REQUEST_URI=/app/hello.py/extra?a=1&b=%20x
PATH_INFO=/app/hello.py/extra
DOCUMENT_ROOT=/srv/www
SERVER_PROTOCOL=HTTP/1.1
REQUEST_SCHEME=http
REMOTE_ADDR=127.0.0.1
REMOTE_PORT=52924
SERVER_PORT=18013
SERVER_NAME=
HTTP_HOST=example.test
HTTP_X_DUP=one
HTTP_X_DUP=two
HTTP_COOKIE=a=1
HTTP_COOKIE=b=2
HTTP_PROXY=http://evil/
)";

// include scgi_params
inline constexpr std::string_view kNginxScgi = R"(CONTENT_LENGTH=0
REQUEST_METHOD=GET
REQUEST_URI=/app/hello.py/extra?a=1&b=%20x
QUERY_STRING=a=1&b=%20x
CONTENT_TYPE=
DOCUMENT_URI=/app/hello.py/extra
DOCUMENT_ROOT=/srv/www
SCGI=1
SERVER_PROTOCOL=HTTP/1.1
REQUEST_SCHEME=http
REMOTE_ADDR=127.0.0.1
REMOTE_PORT=33128
SERVER_PORT=18014
SERVER_NAME=
HTTP_HOST=example.test
HTTP_X_DUP=one
HTTP_X_DUP=two
HTTP_COOKIE=a=1
HTTP_COOKIE=b=2
HTTP_PROXY=http://evil/
)";

// ProxyPass / fcgi://host:port/ with SetEnv proxy-sendchunked 1
inline constexpr std::string_view kApacheFastcgi = R"(proxy-sendchunked=1
HTTP_HOST=example.test:8080
HTTP_USER_AGENT=t/1
HTTP_ACCEPT=*/*
HTTP_X_DUP=one, two
HTTP_COOKIE=a=1, b=2
HTTP_X_FORWARDED_PROTO=https
HTTP_CONNECTION=close
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
SERVER_SIGNATURE=
SERVER_SOFTWARE=Apache/2.4.71 (Debian)
SERVER_NAME=example.test
SERVER_ADDR=127.0.0.1
SERVER_PORT=8080
REMOTE_ADDR=127.0.0.1
DOCUMENT_ROOT=/srv/www
REQUEST_SCHEME=http
CONTEXT_PREFIX=
CONTEXT_DOCUMENT_ROOT=/srv/www
SERVER_ADMIN=[no address given]
SCRIPT_FILENAME=proxy:fcgi://127.0.0.1:19020/app/hello.py/extra
REMOTE_PORT=60794
GATEWAY_INTERFACE=CGI/1.1
SERVER_PROTOCOL=HTTP/1.1
REQUEST_METHOD=GET
QUERY_STRING=a=1&b=%20x
REQUEST_URI=/app/hello.py/extra?a=1&b=%20x
SCRIPT_NAME=/app/hello.py/extra
)";

// ProxyPass / uwsgi://host:port/
inline constexpr std::string_view kApacheUwsgi = R"(PATH_INFO=/app/hello.py/extra
HTTP_HOST=example.test:8080
HTTP_X_DUP=one, two
HTTP_COOKIE=a=1, b=2
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
SERVER_SOFTWARE=Apache/2.4.71 (Debian)
SERVER_NAME=example.test
SERVER_PORT=8080
REMOTE_ADDR=127.0.0.1
REQUEST_SCHEME=http
SCRIPT_FILENAME=proxy:uwsgi://127.0.0.1:19022/app/hello.py/extra
SERVER_PROTOCOL=HTTP/1.1
REQUEST_METHOD=GET
QUERY_STRING=a=1&b=%20x
REQUEST_URI=/app/hello.py/extra?a=1&b=%20x
SCRIPT_NAME=
)";

// ProxyPass / scgi://host:port/
inline constexpr std::string_view kApacheScgi = R"(CONTENT_LENGTH=0
SCGI=1
HTTP_HOST=example.test:8080
HTTP_X_DUP=one, two
HTTP_COOKIE=a=1, b=2
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
SERVER_SOFTWARE=Apache/2.4.71 (Debian)
SERVER_NAME=example.test
SERVER_PORT=8080
REMOTE_ADDR=127.0.0.1
REQUEST_SCHEME=http
SCRIPT_FILENAME=proxy:scgi://127.0.0.1:19023/app/hello.py/extra
SERVER_PROTOCOL=HTTP/1.1
REQUEST_METHOD=GET
QUERY_STRING=a=1&b=%20x
REQUEST_URI=/app/hello.py/extra?a=1&b=%20x
SCRIPT_NAME=/app/hello.py/extra
)";

// fastcgi.server = ("/" => ((…, "fix-root-scriptname" => "enable")))
inline constexpr std::string_view kLighttpd = R"(CONTENT_LENGTH=0
QUERY_STRING=a=1&b=%20x
REQUEST_URI=/app/hello.py/extra?a=1&b=%20x
REDIRECT_STATUS=200
SCRIPT_NAME=
PATH_INFO=/app/hello.py/extra
PATH_TRANSLATED=/srv/www/app/hello.py/extra
SCRIPT_FILENAME=/srv/www/
DOCUMENT_ROOT=/srv/www
REQUEST_METHOD=GET
SERVER_PROTOCOL=HTTP/1.1
SERVER_SOFTWARE=lighttpd/1.4.69
GATEWAY_INTERFACE=CGI/1.1
REQUEST_SCHEME=http
SERVER_PORT=18031
SERVER_ADDR=127.0.0.1
SERVER_NAME=example.test
REMOTE_ADDR=127.0.0.1
REMOTE_PORT=49410
HTTP_HOST=example.test:8080
HTTP_X_DUP=one, two
HTTP_COOKIE=a=1; b=2
HTTP_AUTHORIZATION=Basic dXNlcjpwYXNz
HTTP_X_UNDER_SCORE=u
HTTP_CONNECTION=close
)";

// fcgi-app without path-info
inline constexpr std::string_view kHaproxy = R"(HTTP_HOST=example.test:8080
HTTP_X_DUP=one
HTTP_X_DUP=two
HTTP_COOKIE=a=1
HTTP_COOKIE=b=2
AUTH_TYPE=Basic
REMOTE_USER=user
GATEWAY_INTERFACE=CGI/1.1
DOCUMENT_ROOT=/srv/app
SCRIPT_NAME=/app/hello.py/extra
REQUEST_URI=/app/hello.py/extra?a=1&b=%20x
REQUEST_METHOD=GET
QUERY_STRING=a=1&b=%20x
SERVER_NAME=example.test:8080
SERVER_PORT=18042
SERVER_PROTOCOL=HTTP/1.1
REMOTE_ADDR=127.0.0.1
REMOTE_PORT=45160
SCRIPT_FILENAME=/srv/app/app/hello.py/extra
CONTENT_LENGTH=0
SERVER_SOFTWARE=HAProxy 2.6.12-1+deb12u4
)";

// reverse_proxy … { transport fastcgi }, in Caddy's random order
inline constexpr std::string_view kCaddy = R"(PATH_TRANSLATED=/srv/app/app/hello.py/extra
PATH_INFO=/app/hello.py/extra
REMOTE_USER=
REQUEST_SCHEME=http
SERVER_PROTOCOL=HTTP/1.1
HTTP_X_FORWARDED_PROTO=http
HTTP_X_FORWARDED_FOR=127.0.0.1
FOO=bar
AUTH_TYPE=
REMOTE_ADDR=127.0.0.1
DOCUMENT_URI=
SERVER_PORT=8080
HTTP_X_DUP=one, two
GATEWAY_INTERFACE=CGI/1.1
CONTENT_LENGTH=0
QUERY_STRING=a=1&b=%20x
HTTP_HOST=example.test:8080
HTTP_COOKIE=a=1, b=2
CONTENT_TYPE=
REQUEST_METHOD=GET
SCRIPT_NAME=
SERVER_SOFTWARE=Caddy/2.6.2
REQUEST_URI=/app/hello.py/extra?a=1&b=%20x
SERVER_NAME=example.test
HTTP_PROXY=http://evil/
)";

}  // namespace appd::gateway::test::fronts

// Tests of what counts in a request for a file.

#include "runtime/files/file_request.hpp"

#include <doctest/doctest.h>

#include "runtime/gateway/prepared_request.hpp"

using namespace appd::files;

TEST_SUITE("file request") {
  TEST_CASE("each field has its place") {
    const appd::gateway::test::Prepared prepared(
        "REQUEST_METHOD=HEAD\nREQUEST_URI=/x\n",
        "HTTP_ACCEPT_ENCODING=gzip\nHTTP_IF_MATCH=\"a\"\nHTTP_IF_NONE_MATCH=\"b\"\n"
        "HTTP_IF_MODIFIED_SINCE=c\nHTTP_IF_UNMODIFIED_SINCE=d\nHTTP_IF_RANGE=e\n"
        "HTTP_RANGE=bytes=0-\n");
    const FileRequest request = make_file_request(prepared.request, 7);
    CHECK(request.method == "HEAD");
    CHECK(request.is_head());
    CHECK(request.accept_encoding == "gzip");
    CHECK(request.if_match == "\"a\"");
    CHECK(request.if_none_match == "\"b\"");
    CHECK(request.if_modified_since == "c");
    CHECK(request.if_unmodified_since == "d");
    CHECK(request.if_range == "e");
    CHECK(request.range == "bytes=0-");
    CHECK(request.now == 7);
  }

  TEST_CASE("what was not sent is empty") {
    const appd::gateway::test::Prepared prepared(appd::gateway::test::kGet, "");
    const FileRequest request = make_file_request(prepared.request, 0);
    CHECK(request.method == "GET");
    CHECK_FALSE(request.is_head());
    CHECK(request.range == "");
    CHECK(request.if_none_match == "");
  }
}

// Tests of the stream for wsgi.errors.

#include "runtime/net/error_stream.hpp"

#include <doctest/doctest.h>

using namespace appd;
using net::ErrorStream;

TEST_SUITE("error stream") {
  TEST_CASE("the stream is due while text waits, and for its end if it was used") {
    const protocol::ResponseFramer framer(protocol::Wire::fastcgi, 1);
    protocol::Gather gather;
    ErrorStream errors;
    CHECK_FALSE(errors.is_due(false));
    CHECK_FALSE(errors.is_due(true));
    errors.add("one");
    CHECK(errors.waits());
    CHECK(errors.is_due(false));
    errors.frame(framer, false, gather);
    CHECK(gather.size() > 0);
    errors.on_sent();
    CHECK_FALSE(errors.waits());
    CHECK_FALSE(errors.is_due(false));
    CHECK(errors.is_due(true));
    errors.clear();
    CHECK_FALSE(errors.is_due(true));
  }
}

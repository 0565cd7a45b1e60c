// Tests of a response's head on its way out.

#include "runtime/net/outgoing_head.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace appd;
using net::OutgoingHead;

TEST_SUITE("outgoing head") {
  TEST_CASE("the head goes out once, and what it says stays known") {
    protocol::ResponseFramer framer(protocol::Wire::scgi, 1);
    OutgoingHead head;
    CHECK_FALSE(head.taken());
    CHECK(head.pending().empty());
    head.take({"404 Not Found", "X-A: b\r\n", true}, {}, framer);
    CHECK(head.taken());
    CHECK_FALSE(head.out());
    CHECK(head.pending().find("404 Not Found") != std::string_view::npos);
    CHECK(head.pending().size() == head.size());
    head.set_out();
    CHECK(head.out());
    CHECK(head.pending().empty());
    CHECK(head.status() == 404);
    CHECK(head.announces_length());
  }

  TEST_CASE("the next response has nothing of it") {
    protocol::ResponseFramer framer(protocol::Wire::uwsgi, 1);
    OutgoingHead head;
    head.take({"200 OK", "Content-Length: 1\r\n", true}, {}, framer);
    head.set_out();
    head.clear();
    CHECK_FALSE(head.taken());
    CHECK_FALSE(head.out());
    CHECK(head.size() == 0);
    CHECK(head.status() == 0);
    CHECK_FALSE(head.announces_length());
  }
}

// Tests of the list of a server's connections, with stand-ins for them.

#include "runtime/net/connection_list.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace appd;

namespace {

struct Stub final : net::Listed {
  explicit Stub(char letter) : name(letter) {}
  const char name;
};

/// A list of connections with these names.
struct Listing {
  explicit Listing(const std::string& names) {
    for (const char name : names) list.add(std::make_shared<Stub>(name));
  }
  std::shared_ptr<Stub> find(char name) const {
    return list.find([name](const Stub& each) { return each.name == name; });
  }
  void remove(char name) { list.remove(*find(name)); }
  /// In the order of the list.
  std::string names() const {
    std::string all;
    list.for_each([&](const Stub& each) { all += each.name; });
    return all;
  }

  net::ConnectionList<Stub> list;
};

}  // namespace

TEST_SUITE("connection list") {
  TEST_CASE("each leaves from wherever it is, and the others stay") {
    Listing listing("abcd");
    listing.remove('b');
    CHECK(listing.names() == "adc");
    listing.remove('d');  // which has moved
    CHECK(listing.names() == "ac");
    listing.remove('c');  // the last
    CHECK(listing.names() == "a");
    listing.list.add(std::make_shared<Stub>('e'));
    listing.remove('a');
    CHECK(listing.names() == "e");
    CHECK(listing.list.size() == 1);
    listing.remove('e');
    CHECK(listing.list.empty());
  }

  TEST_CASE("one that leaves is let go of") {
    Listing listing("ab");
    const std::weak_ptr<Stub> gone = listing.find('a');
    listing.remove('a');
    CHECK(gone.expired());
    CHECK(listing.find('a') == nullptr);
    CHECK(listing.find('b') != nullptr);
  }

  TEST_CASE("connections may leave while each is visited") {
    Listing listing("abc");
    std::string visited;
    listing.list.for_each([&](const Stub& each) {
      visited += each.name;
      if (each.name == 'a') {
        listing.remove('b');
        listing.remove('a');
      }
    });
    CHECK(visited == "abc");
    CHECK(listing.names() == "c");
  }

  TEST_CASE("that one has left is told while it is asked for, when it has") {
    Listing listing("abc");
    std::string left;
    listing.list.set_on_removed([&] { left += listing.names() + ";"; });
    listing.remove('a');
    listing.list.tell_removals(true);
    listing.remove('c');
    listing.list.tell_removals(false);
    listing.remove('b');
    CHECK(left == "b;");
  }
}

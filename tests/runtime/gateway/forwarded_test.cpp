// Tests of who the client is, by what proxies say.

#include "runtime/gateway/forwarded.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace appd::gateway {
namespace {

ProxyTrust trust(ProxyFields fields, bool unix_peers = false) {
  ProxyTrust made{fields, {}, unix_peers};
  for (const char* network : {"10.0.0.0/8", "fd00::/8", "fe80::/10", "192.0.2.9"}) {
    made.networks.push_back(support::IpNetwork::parse(network).value());
  }
  return made;
}

/// "address port scheme host", with "-" for what is not known.
std::string found(const ProxyTrust& trust, std::string_view peer, const ForwardedFields& fields) {
  StringPool made;
  const auto client = find_client(trust, peer, fields, made);
  std::string line(client.address.value_or("-"));
  line += ' ' + (client.port ? std::to_string(*client.port) : "-") + ' ';
  line += !client.https ? "-" : *client.https ? "https" : "http";
  return line.append(" ").append(client.host.value_or("-"));
}

std::string by_x(const ForwardedFields& fields, std::string_view peer = "10.0.0.1") {
  return found(trust(ProxyFields::x_forwarded), peer, fields);
}
std::string by_forwarded(std::string_view value, std::string_view peer = "10.0.0.1") {
  return found(trust(ProxyFields::forwarded), peer, {{}, {}, {}, value});
}

struct Row {
  std::string text;
  std::string expected;
};

const ForwardedFields kAll{"192.0.2.1", "https", "a.test", "for=192.0.2.2;proto=https;host=b.test"};

}  // namespace

TEST_SUITE_BEGIN("forwarded");

TEST_CASE("only a trusted peer is believed") {
  const std::pair<const char*, bool> rows[] = {
      {"10.0.0.1", true},  {"::ffff:10.0.0.1", true}, {"fd00::1", true}, {"fe80::1%eth0", true},
      {"192.0.2.9", true}, {"192.0.2.10", false},     {"::1", false},    {"fe80::1%", true},
      {"%", false},        {"unix:", false},          {"", false},       {"11.0.0.1", false},
  };
  for (const auto& row : rows) {
    const char* const peer = row.first;
    const bool believed = row.second;
    CAPTURE(peer);
    CHECK(by_x(kAll, peer) == (believed ? "192.0.2.1 - https a.test" : "- - - -"));
    CHECK(by_forwarded(kAll.forwarded, peer) ==
          (believed ? "192.0.2.2 - https b.test" : "- - - -"));
  }
  CHECK(found(trust(ProxyFields::x_forwarded, true), "", kAll) == "192.0.2.1 - https a.test");
  CHECK(found(trust(ProxyFields::forwarded, true), "", kAll) == "192.0.2.2 - https b.test");
  CHECK(found(trust(ProxyFields::x_forwarded, true), "192.0.2.10", kAll) == "- - - -");
}

TEST_CASE("one family of fields is read, and the other is not") {
  CHECK(by_x({{}, {}, {}, kAll.forwarded}) == "- - - -");
  CHECK(by_x(kAll) == "192.0.2.1 - https a.test");
  CHECK(found(trust(ProxyFields::forwarded), "10.0.0.1", kAll) == "192.0.2.2 - https b.test");
  CHECK(found(trust(ProxyFields::forwarded), "10.0.0.1", {"192.0.2.1", "https", "a.test", ""}) ==
        "- - - -");
  CHECK(by_x({}) == "- - - -");
}

TEST_CASE("the client is the first address from the right that is not trusted") {
  const Row rows[] = {
      {"192.0.2.1", "192.0.2.1"},
      {" 192.0.2.1\t", "192.0.2.1"},
      {"192.0.2.1, 10.0.0.2, 10.0.0.3", "192.0.2.1"},
      {"192.0.2.1,10.0.0.2,fd00::2", "192.0.2.1"},
      {"192.0.2.1, 192.0.2.2", "192.0.2.2"},
      {"10.0.0.2, 192.0.2.2, 10.0.0.3", "192.0.2.2"},
      {"10.0.0.2, 10.0.0.3", "10.0.0.2"},
      {"10.0.0.2", "10.0.0.2"},
      {"2001:DB8:0::1", "2001:db8::1"},
      {"::ffff:192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1"},
      // What is no address ends the walk.
      {"192.0.2.1, unknown", "-"},
      {"192.0.2.1, unknown, 10.0.0.2", "10.0.0.2"},
      {"192.0.2.1, _hidden, 10.0.0.2, 10.0.0.3", "10.0.0.2"},
      {"unknown, 192.0.2.1", "192.0.2.1"},
      {"192.0.2.1, , 10.0.0.2", "10.0.0.2"},
      {"192.0.2.1,", "-"},
      {", 10.0.0.2", "10.0.0.2"},
      {",", "-"},
      {" ", "-"},
      {"192.0.2.1 10.0.0.2", "-"},
      {"a.test", "-"},
      {"192.0.2.01", "-"},
      {"fe80::1%eth0", "-"},
      {"\"192.0.2.1\"", "-"},
      {"for=192.0.2.1", "-"},
      {"192.0.2.1;x", "-"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(by_x({row.text, {}, {}, {}}) == row.expected + " - - -");
  }
}

TEST_CASE("a port may stand beside the address") {
  const Row rows[] = {
      {"192.0.2.1:1234", "192.0.2.1 1234"},
      {"192.0.2.1:0, 10.0.0.2:99", "192.0.2.1 0"},
      {"192.0.2.1, 10.0.0.2:99", "192.0.2.1 -"},
      {"[2001:db8::1]:1234", "2001:db8::1 1234"},
      {"[2001:db8::1]", "2001:db8::1 -"},
      {"2001:db8::1:1234", "2001:db8::1:1234 -"},
      {"[::ffff:192.0.2.1]:1", "192.0.2.1 1"},
      {"192.0.2.1:_port", "192.0.2.1 -"},
      {"192.0.2.1:", "- -"},
      {"192.0.2.1:65536", "- -"},
      {"192.0.2.1:http", "- -"},
      {"192.0.2.1:1:2", "- -"},
      {"[192.0.2.1]:1", "- -"},
      {"[::1", "- -"},
      {"[::1]1", "- -"},
      {"[]:1", "- -"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(by_x({row.text, {}, {}, {}}) == row.expected + " - -");
  }
}

TEST_CASE("X-Forwarded-Proto and -Host are the word of the nearest proxy") {
  const std::pair<ForwardedFields, const char*> rows[] = {
      {{{}, "https", {}, {}}, "- - https -"},
      {{{}, "HTTP", {}, {}}, "- - http -"},
      {{{}, "wss", {}, {}}, "- - https -"},
      {{{}, "Ws", {}, {}}, "- - http -"},
      {{{}, "https, http", {}, {}}, "- - http -"},
      {{{}, "http ,\thttps ", {}, {}}, "- - https -"},
      {{{}, "https, ftp", {}, {}}, "- - - -"},
      {{{}, "https,", {}, {}}, "- - - -"},
      {{{}, "httpss", {}, {}}, "- - - -"},
      {{{}, {}, "a.test", {}}, "- - - a.test"},
      {{{}, {}, "a.test, b.test:8080", {}}, "- - - b.test:8080"},
      {{{}, {}, "a.test, b/c", {}}, "- - - -"},
      {{{}, {}, "a.test,", {}}, "- - - -"},
      {{{}, {}, "[::1]:80", {}}, "- - - [::1]:80"},
      // Not of the hop whose address was chosen: a client may have shifted the elements.
      {{"192.0.2.1, 10.0.0.2", "https, http", "evil.test, a.test", {}}, "192.0.2.1 - http a.test"},
      {{"unknown", "https", "a.test", {}}, "- - https a.test"},
  };
  for (const auto& row : rows) {
    const auto& fields = row.first;
    const auto& expected = row.second;
    CAPTURE(fields.x_forwarded_proto);
    CAPTURE(fields.x_forwarded_host);
    CHECK(by_x(fields) == expected);
  }
}

TEST_CASE("Forwarded is walked in the same way, and an element belongs together") {
  const Row rows[] = {
      {"for=192.0.2.1", "192.0.2.1 - - -"},
      {R"(For="192.0.2.1:47011";Proto=HTTPS;by=10.0.0.1;Host="a.test:80")",
       "192.0.2.1 47011 https a.test:80"},
      {R"(for="[2001:DB8::1]:1";proto=http)", "2001:db8::1 1 http -"},
      {R"(for="[2001:db8::1]")", "2001:db8::1 - - -"},
      {R"(for="\1\92.0.2.1";host="a\.test")", "192.0.2.1 - - a.test"},
      {"for=192.0.2.1;proto=https;host=a.test, for=10.0.0.2;proto=http;host=b.test",
       "192.0.2.1 - https a.test"},
      {"for=192.0.2.1;proto=https, for=192.0.2.2;proto=http, for=10.0.0.2;proto=https",
       "192.0.2.2 - http -"},
      {"for=192.0.2.1, for=10.0.0.2;proto=https;host=b.test", "192.0.2.1 - - -"},
      {"for=10.0.0.3;host=a.test, for=10.0.0.2;host=b.test", "10.0.0.3 - - a.test"},
      {"for=10.0.0.3:1;proto=https, for=10.0.0.2", "10.0.0.2 - - -"},
      {R"(for="10.0.0.3:_x", for="10.0.0.2:1")", "10.0.0.3 - - -"},
      {"proto=https, host=a.test", "- - - a.test"},
      {R"(for=192.0.2.1;proto=ftp;host="a/b")", "192.0.2.1 - - -"},
      {"for=192.0.2.1, , for=10.0.0.2,,", "192.0.2.1 - - -"},
      {" , ,", "- - - -"},
      // No address: the element is a trusted proxy's all the same.
      {"for=192.0.2.1, for=unknown;proto=https;host=a.test", "- - https a.test"},
      {"for=192.0.2.1, for=_hidden;proto=https, for=10.0.0.2;proto=http", "10.0.0.2 - https -"},
      {"for=192.0.2.1, proto=https, for=10.0.0.2", "10.0.0.2 - https -"},
      {"for=192.0.2.1, ;, for=10.0.0.2;proto=https", "10.0.0.2 - - -"},
      {R"(for="";proto=https)", "- - https -"},
      {R"(for="2001:db8::1")", "- - - -"},
      {R"(for="192.0.2.1:x";proto=http)", "- - http -"},
      // Malformed: nothing of it counts.
      {"for=192.0.2.1, for=;proto=http, for=10.0.0.2;proto=https", "10.0.0.2 - https -"},
      {"192.0.2.1", "- - - -"},
      {"for=192.0.2.1;host=a/b", "- - - -"},
      {"for=2001:db8::1;proto=https", "- - - -"},
      {R"(for="192.0.2.1)", "- - - -"},
      {"for=192.0.2.1;for=192.0.2.2;proto=https", "- - - -"},
      // A client's quote that never ends.
      {R"(for=", for=192.0.2.1;proto=https)", "192.0.2.1 - https -"},
      {R"(x="\, for="192.0.2.1";host="a.test")", "192.0.2.1 - - a.test"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(by_forwarded(row.text) == row.expected);
  }
}

TEST_CASE("100 elements are looked at") {
  std::string list, forwarded;
  for (int i = 98; i > 0; --i) list += ", 10.0.0." + std::to_string(i);
  for (int i = 98; i > 0; --i) forwarded += ", for=10.0.0." + std::to_string(i);
  CHECK(by_x({"192.0.2.1, 10.1.0.1" + list, {}, {}, {}}) == "192.0.2.1 - - -");
  CHECK(by_x({"192.0.2.1, 10.1.0.2, 10.1.0.1" + list, {}, {}, {}}) == "10.1.0.2 - - -");
  CHECK(by_forwarded("for=192.0.2.1, for=10.1.0.1" + forwarded) == "192.0.2.1 - - -");
  CHECK(by_forwarded("for=192.0.2.1, for=10.1.0.2, for=10.1.0.1" + forwarded) == "10.1.0.2 - - -");
  CHECK(by_forwarded("for=192.0.2.1" + std::string(99, ',')) == "192.0.2.1 - - -");
  CHECK(by_forwarded("for=192.0.2.1" + std::string(100, ',')) == "- - - -");
}

TEST_CASE("large and odd values do no harm") {
  const std::string large(1 << 18, ',');
  const std::string quotes(1 << 18, '"');
  const std::string slashes(1 << 18, '\\');
  for (const auto& value : {large, quotes, slashes, slashes + '"', std::string(1 << 18, ';'),
                            std::string(1 << 18, ' '), std::string(1 << 18, '\0')}) {
    CHECK(by_x({value, value, value, {}}) == "- - - -");
    CHECK(by_forwarded(value) == "- - - -");
    CHECK(by_forwarded(value + ",for=192.0.2.1") == "192.0.2.1 - - -");
  }
}

TEST_CASE("a host that needs no change is a view of the field") {
  const std::string value = R"(for=192.0.2.1;host="a.test")";
  StringPool made;
  const auto client =
      find_client(trust(ProxyFields::forwarded), "10.0.0.1", {{}, {}, {}, value}, made);
  CHECK(client.host.value().data() == value.data() + value.find("a.test"));
}

TEST_SUITE_END();

}  // namespace appd::gateway

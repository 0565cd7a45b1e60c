// Replays the fuzzers' seeds as ordinary tests.

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz/connection_script.hpp"
#include "fuzz/file_properties.hpp"
#include "fuzz/properties.hpp"
#include "fuzz/proxy_properties.hpp"

namespace appd::protocol {
namespace {

using namespace testing;
namespace fs = std::filesystem;

template <typename Check>
void replay(const char* name, Check check) {
  std::size_t seeds = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(APPD_TEST_DATA) / "../fuzz/seeds" / name)) {
    CAPTURE(entry.path());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(file), {}};
    CHECK_EQ(check(input), "");
    ++seeds;
  }
  CHECK_GT(seeds, 10);
}

TEST_SUITE("fuzz seeds") {
  TEST_CASE("fastcgi") {
    replay("fastcgi", [](std::string_view input) { return check_decoder(Wire::fastcgi, input); });
  }
  TEST_CASE("uwsgi") {
    replay("uwsgi", [](std::string_view input) { return check_decoder(Wire::uwsgi, input); });
  }
  TEST_CASE("scgi") {
    replay("scgi", [](std::string_view input) { return check_decoder(Wire::scgi, input); });
  }
  TEST_CASE("http") {
    replay("http", [](std::string_view input) { return check_decoder(Wire::http, input); });
  }
  TEST_CASE("framer") {
    replay("framer",
           [](std::string_view input) { return check_sniff(input) + check_framer(input); });
  }
  TEST_CASE("connection") {
    replay("connection", fuzz::check_connection);
  }
  TEST_CASE("proxy_header") {
    replay("proxy_header", fuzz::check_proxy_header);
  }
  TEST_CASE("forwarded") {
    replay("forwarded", fuzz::check_forwarded);
  }
  TEST_CASE("ranges") {
    replay("ranges", fuzz::check_file_request);
  }
}

}  // namespace
}  // namespace appd::protocol

// Fuzzes the HTTP decoder.

#include <cstdlib>
#include <iostream>

#include "fuzz/properties.hpp"

using namespace appd::protocol;
using namespace appd::protocol::testing;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto wrong = check_decoder(Wire::http, input);
  if (wrong.empty()) return 0;
  std::cerr << wrong << '\n';
  std::abort();
}

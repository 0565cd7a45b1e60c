// Fuzzes a whole connection: front, application and loop follow the input as a script.

#include <cstdlib>
#include <iostream>

#include "fuzz/connection_script.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto wrong = appd::fuzz::check_connection(input);
  if (wrong.empty()) return 0;
  std::cerr << wrong << '\n';
  std::abort();
}

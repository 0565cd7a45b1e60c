// Fuzzes the fields of requests for static files.

#include <cstdlib>
#include <iostream>

#include "fuzz/file_properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto wrong = appd::fuzz::check_file_request(input);
  if (wrong.empty()) return 0;
  std::cerr << wrong << '\n';
  std::abort();
}

// Fuzzes the PROXY protocol's header.

#include <cstdlib>
#include <iostream>

#include "fuzz/proxy_properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto wrong = appd::fuzz::check_proxy_header(input);
  if (wrong.empty()) return 0;
  std::cerr << wrong << '\n';
  std::abort();
}

// Reads a file that a test has made or awaits.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

namespace appd::test {

/// All that is in the file; "" if there is none.
inline std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace appd::test

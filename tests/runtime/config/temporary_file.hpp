// A configuration file for a test.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "runtime/support/unique_fd.hpp"

namespace appd::config::test {

/// A file with some content, removed at the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) {
    const support::UniqueFd fd(::mkstemp(path_.data()));
    if (!fd ||
        ::write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
      throw std::runtime_error("cannot write " + path_);
    }
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_ = "/tmp/appd_config_test_XXXXXX";
};

}  // namespace appd::config::test

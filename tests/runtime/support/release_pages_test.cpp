// Tests that unchanged pages are given back.

#include "runtime/support/release_pages.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

using namespace appd::support;

namespace {

constexpr std::size_t kPages = 16;

/// A file of some pages, mapped privately, each page touched.
class MappedFile {
 public:
  MappedFile() : size_(kPages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    std::FILE* const file = std::tmpfile();
    REQUIRE(file);
    const std::vector<char> content(size_, 'f');
    REQUIRE(std::fwrite(content.data(), 1, size_, file) == size_);
    REQUIRE(std::fflush(file) == 0);
    memory_ = static_cast<char*>(
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, ::fileno(file), 0));
    std::fclose(file);
    REQUIRE(memory_ != MAP_FAILED);
    CHECK(all_are('f'));
  }
  ~MappedFile() { ::munmap(memory_, size_); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  char& first() { return memory_[0]; }
  void protect() { REQUIRE(::mprotect(memory_, size_, PROT_READ) == 0); }
  bool all_are(char c) const {
    for (std::size_t i = 0; i < size_; ++i) {
      if (static_cast<const volatile char*>(memory_)[i] != c) return false;
    }
    return true;
  }

  /// How much of it this process's page tables map, in KiB.
  long mapped() const {
    char head[32];
    std::snprintf(head, sizeof head, "%zx-", reinterpret_cast<std::size_t>(memory_));
    std::ifstream smaps("/proc/self/smaps");
    std::string line;
    while (std::getline(smaps, line) && line.rfind(head, 0) != 0) {
    }
    while (std::getline(smaps, line) && line.rfind("Rss:", 0) != 0) {
    }
    return std::stol(line.substr(4));
  }
  long size() const { return static_cast<long>(size_ / 1024); }

 private:
  std::size_t size_;
  char* memory_ = nullptr;
};

}  // namespace

TEST_SUITE("release pages") {
  TEST_CASE("pages that were only read are let go, and come back as they were") {
    MappedFile file;
    file.protect();
    CHECK(file.mapped() == file.size());
    release_unchanged_file_pages();
    CHECK(file.mapped() == 0);
    CHECK(file.all_are('f'));
  }

  TEST_CASE("a mapping that was changed before it was protected is left alone") {
    MappedFile file;
    file.first() = 'c';
    file.protect();
    release_unchanged_file_pages();
    CHECK(file.first() == 'c');
    CHECK(file.mapped() == file.size());
  }

  TEST_CASE("what can be written is left alone") {
    MappedFile file;
    release_unchanged_file_pages();
    CHECK(file.mapped() == file.size());
    file.first() = 'c';
    release_unchanged_file_pages();
    CHECK(file.first() == 'c');
  }
}

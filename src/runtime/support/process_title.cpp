// Overwrites the memory in which the kernel keeps a process's arguments.

#include "runtime/support/process_title.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace appd::support {
namespace {

/// Where the kernel put the arguments and the environment: one after the other, each ended by a
/// zero.
struct Memory {
  char* begin = nullptr;
  std::size_t size = 0;
};

Memory memory;

/// Strings and the pointers to them, in the form of main's arguments. Never freed.
struct Copy {
  explicit Copy(char** from) {
    for (; *from != nullptr; ++from) strings.emplace_back(*from);
    for (std::string& string : strings) pointers.push_back(string.data());
    pointers.push_back(nullptr);
  }

  std::vector<std::string> strings;
  std::vector<char*> pointers;
};

/// The end of those strings that lie one after the other from `end`.
char* end_of(char** strings, char* end) {
  for (; *strings != nullptr && *strings == end; ++strings) end += std::strlen(*strings) + 1;
  return end;
}

}  // namespace

char** keep_arguments(int argc, char** argv) {
  static Copy* const arguments = new Copy(argv);
  static Copy* const variables = new Copy(environ);
  if (argc > 0) {
    char* const end = end_of(argv, argv[0]);
    memory = {argv[0], static_cast<std::size_t>(end_of(environ, end) - argv[0])};
    environ = variables->pointers.data();
    // glibc keeps pointers into the first argument.
    program_invocation_name = arguments->pointers.front();
    const char* const slash = std::strrchr(program_invocation_name, '/');
    program_invocation_short_name =
        program_invocation_name + (slash != nullptr ? slash + 1 - program_invocation_name : 0);
  }
  return arguments->pointers.data();
}

void set_process_title(std::string_view title) noexcept {
  if (memory.size == 0) return;
  // If the last byte of the arguments is not zero, the kernel reads on into the former environment
  // (get_mm_cmdline in fs/proc/base.c).
  const std::size_t size = std::min(title.size(), memory.size - 1);
  std::memcpy(memory.begin, title.data(), size);
  std::memset(memory.begin + size, 0, memory.size - size);
}

}  // namespace appd::support

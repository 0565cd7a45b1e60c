// Overwrites the memory in which the kernel keeps a process's arguments.

#include "runtime/support/process_title.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
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

/// What the kernel tells of that memory (proc(5), fields 48 to 51 of stat); nothing if /proc is not
/// mounted.
Memory memory_by_kernel() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));  // the name may contain blanks
  std::string skipped;
  constexpr int kBefore = 45;
  for (int i = 0; i < kBefore; ++i) fields >> skipped;
  std::uintptr_t begin = 0;
  std::uintptr_t arguments_end = 0;
  std::uintptr_t environment = 0;
  std::uintptr_t end = 0;
  fields >> begin >> arguments_end >> environment >> end;
  const bool together = !fields.fail() && begin != 0 && arguments_end == environment;
  return together ? Memory{reinterpret_cast<char*>(begin), end - begin} : Memory{};
}

/// Memory that is about to be overwritten has neither the environment nor the program's name.
void move_out(Copy& variables, char* program) noexcept {
  environ = variables.pointers.data();
  // glibc keeps pointers into the first argument.
  program_invocation_name = program;
  const char* const slash = std::strrchr(program_invocation_name, '/');
  program_invocation_short_name =
      program_invocation_name + (slash != nullptr ? slash + 1 - program_invocation_name : 0);
}

}  // namespace

char** keep_arguments(int argc, char** argv) {
  static Copy* const arguments = new Copy(argv);
  static Copy* const variables = new Copy(environ);
  if (argc > 0) {
    char* const end = end_of(argv, argv[0]);
    memory = {argv[0], static_cast<std::size_t>(end_of(environ, end) - argv[0])};
    move_out(*variables, arguments->pointers.front());
  }
  return arguments->pointers.data();
}

void keep_environment() {
  static Copy* const variables = new Copy(environ);
  static std::string* const name = new std::string(program_invocation_name);
  memory = memory_by_kernel();
  if (memory.size > 0) move_out(*variables, name->data());
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

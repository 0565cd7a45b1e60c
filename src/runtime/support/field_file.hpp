// Reads what one program of appd hands to another: lines that each begin with what they are.
#pragma once

#include <functional>
#include <istream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

#include "runtime/support/memory_file.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::support {

/// By the first word of a line: what takes the rest of it.
template <typename Content>
using FieldReaders = std::map<std::string, std::function<void(std::istream& in, Content& into)>>;

/// Reads fields until the line "end". Throws std::runtime_error for an unknown or bad field, and if
/// there is no such line.
template <typename Content>
void read_fields(std::istream& in, const FieldReaders<Content>& readers, Content& into) {
  std::string kind;
  while (in >> kind) {
    if (kind == "end") return;
    const auto reader = readers.find(kind);
    if (reader == readers.end()) throw std::runtime_error("unknown field " + kind);
    reader->second(in, into);
    if (in.fail()) throw std::runtime_error("bad " + kind);
  }
  throw std::runtime_error("it is truncated");
}

/// What `read` makes of the file's text. Its errors say that `what` cannot be read.
template <typename Read>
auto read_memory_file(const UniqueFd& file, const char* what, Read read) {
  std::istringstream text(read_from_start(file));
  try {
    return read(text);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(std::string("cannot read ") + what + ": " + error.what());
  }
}

}  // namespace appd::support

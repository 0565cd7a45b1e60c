#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/exchange.hpp"
#include "runtime/python/python_compat.hpp"

namespace appd::python {

/// The head of an answer: a checked copy of what the application gave to start_response, so that it
/// may change its list afterwards. Reused: a warm one does not allocate.
class HeadBuffer {
 public:
  /// Takes start_response's arguments. Throws PythonError with a TypeError or ValueError that says
  /// what is wrong; the buffer is then incomplete.
  void assign(PyObject* status, PyObject* headers);

  /// For answers of the server's own; nothing is checked.
  void assign(std::string_view status);
  void add(std::string_view name, std::string_view value);

  /// Announces the body's length, in place of one that the application announced.
  void set_content_length(std::uint64_t length);
  void remove_content_length();

  unsigned status() const noexcept { return status_; }
  /// True when the application gave a number only: the reason is ours.
  bool lacked_reason() const noexcept { return lacked_reason_; }
  std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }
  /// A view of this buffer, until it changes.
  gateway::ResponseHead view();

 private:
  void set_status(PyObject* status);
  void add_header(PyObject* header);

  std::string text_;  // status, then name and value of each field, without separators
  std::vector<gateway::Field> fields_;  // views into text_, made by `view`
  struct Extent {
    std::size_t name;   // size
    std::size_t value;  // size
    bool is_content_length;
  };
  std::vector<Extent> extents_;
  std::size_t status_size_ = 0;
  unsigned status_ = 0;
  bool lacked_reason_ = false;
  std::optional<std::uint64_t> content_length_;
};

}  // namespace appd::python

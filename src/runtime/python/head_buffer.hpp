// The head of a response, checked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/gateway/exchange.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// The head of a response: a checked copy of the arguments of start_response, so the application
/// may change its list afterwards. Reuse does not allocate. Used holding the interpreter.
class HeadBuffer {
 public:
  /// Takes start_response's arguments. Throws PythonError with a TypeError or ValueError that says
  /// what is wrong; then the buffer is incomplete.
  void assign(PyObject* status, PyObject* headers);

  /// For responses of the server's own; checks nothing.
  void assign(std::string_view status, unsigned code);
  void add(std::string_view name, std::string_view value);

  /// Sets the body's length, in place of one that the application announced.
  void set_content_length(std::uint64_t length);
  void remove_content_length();

  unsigned status() const noexcept { return code_; }
  /// True if the application gave only a number, so the reason is ours.
  bool lacked_reason() const noexcept { return lacked_reason_; }
  /// True if the application leaves the body to the server or the front, by X-Accel-Redirect or
  /// X-Sendfile. Its Content-Length, if any, is then the file's.
  bool names_file() const noexcept { return names_file_; }
  std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }
  /// A view of this buffer, valid until the buffer changes.
  gateway::ResponseHead view() const noexcept {
    return {status_, fields_, content_length_.has_value()};
  }

 private:
  enum class Name : std::uint8_t { plain, content_length, of_file };
  /// What was found out about a str. It stays true for as long as somebody owns the str.
  template <typename Finding>
  struct Known {
    Ref text;
    Finding finding{};
  };
  /// The field's range in fields_, while content_length_ is set.
  struct Extent {
    std::size_t begin;
    std::size_t size;
  };

  void set_status(PyObject* status);
  void add_header(PyObject* header, Known<Name>& known);
  static Name check_name(PyObject* name, PyObject* header);

  std::string status_;
  std::string fields_;  // as on the wire
  unsigned code_ = 0;
  bool lacked_reason_ = false;
  bool names_file_ = false;
  std::optional<std::uint64_t> content_length_;
  Extent length_extent_{};

  // Applications pass the same strings again and again.
  Known<unsigned> known_status_;
  std::array<Known<Name>, 8> known_names_;  // of the first headers
};

}  // namespace appd::python

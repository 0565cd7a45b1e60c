// Copies and checks status and headers from start_response.

#include "runtime/python/head_buffer.hpp"

#include <fmt/format.h>

#include "runtime/gateway/reason_phrase.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/python/header_rules.hpp"
#include "runtime/python/latin1.hpp"

namespace appd::python {
namespace {

/// The bytes of a str, which must be latin-1. `what` names it in the error's text.
std::string_view latin1_of(PyObject* text, const char* what) {
  if (!PyUnicode_Check(text)) raise(PyExc_TypeError, "%s must be str, not %R", what, text);
  checked(compat::make_ready(text));
  if (PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND)
    raise(PyExc_ValueError, "%s has characters outside latin-1: %R", what, text);
  return view_latin1(text);
}

}  // namespace

void HeadBuffer::assign(PyObject* status, PyObject* headers) {
  set_status(status);
  if (!PyList_CheckExact(headers))
    raise(PyExc_TypeError, "headers must be a list, not %s", Py_TYPE(headers)->tp_name);
  // No Python code runs here, so the list stays as it is.
  const auto count = static_cast<std::size_t>(PyList_GET_SIZE(headers));
  for (std::size_t i = 0; i < count; ++i) {
    add_header(PyList_GET_ITEM(headers, static_cast<Py_ssize_t>(i)),
               known_names_[i % known_names_.size()]);
  }
}

void HeadBuffer::set_status(PyObject* status) {
  const std::string_view text = latin1_of(status, "status");
  if (known_status_.text.get() != status) {
    const auto code = parse_status(text);
    if (!code) {
      raise(PyExc_ValueError, "status must look like '200 OK' and be at least 200, not %R", status);
    }
    known_status_ = {Ref::borrow(status), *code};
  }
  assign(text, known_status_.finding);
}

void HeadBuffer::assign(std::string_view status, unsigned code) {
  status_ = status;
  fields_.clear();
  content_length_.reset();
  names_file_ = false;
  code_ = code;
  lacked_reason_ = status.size() == 3;
  if (lacked_reason_) {  // fronts differ on a status line without one
    status_.append(" ").append(gateway::reason_phrase(code));
  }
}

void HeadBuffer::add_header(PyObject* header, Known<Name>& known) {
  if (!PyTuple_Check(header) || PyTuple_GET_SIZE(header) != 2)
    raise(PyExc_TypeError, "a header must be a tuple of name and value, not %R", header);
  PyObject* const name = PyTuple_GET_ITEM(header, 0);
  if (known.text.get() != name) known = {Ref::borrow(name), check_name(name, header)};
  const std::string_view value = latin1_of(PyTuple_GET_ITEM(header, 1), "a header's value");
  if (!is_header_value(value)) raise(PyExc_ValueError, "control characters in header %R", header);
  if (known.finding == Name::of_file) names_file_ = true;
  if (known.finding != Name::content_length) return add(view_latin1(name), value);
  const auto length = parse_content_length(value);
  if (!length) raise(PyExc_ValueError, "Content-Length must be a number, not %R", header);
  if (content_length_) raise(PyExc_ValueError, "a second Content-Length: %R", header);
  set_content_length(*length);
}

HeadBuffer::Name HeadBuffer::check_name(PyObject* name, PyObject* header) {
  const std::string_view text = latin1_of(name, "a header's name");
  if (!is_header_name(text)) raise(PyExc_ValueError, "not a header name: %R", header);
  if (is_servers_own(text))
    raise(PyExc_ValueError, "header %R belongs to the server, not to the application", header);
  if (is_content_length(text)) return Name::content_length;
  return names_file_for_server(text) ? Name::of_file : Name::plain;
}

void HeadBuffer::add(std::string_view name, std::string_view value) {
  fields_.append(name).append(": ").append(value).append("\r\n");
}

void HeadBuffer::set_content_length(std::uint64_t length) {
  remove_content_length();
  const std::size_t begin = fields_.size();
  const fmt::format_int digits(length);
  add("Content-Length", {digits.data(), digits.size()});
  content_length_ = length;
  length_extent_ = {begin, fields_.size() - begin};
}

void HeadBuffer::remove_content_length() {
  if (!content_length_) return;
  content_length_.reset();
  fields_.erase(length_extent_.begin, length_extent_.size);
}

}  // namespace appd::python

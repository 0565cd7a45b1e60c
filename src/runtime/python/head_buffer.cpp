#include "runtime/python/head_buffer.hpp"

#include <fmt/format.h>

#include <array>

#include "runtime/python/errors.hpp"
#include "runtime/python/header_rules.hpp"
#include "runtime/python/latin1.hpp"

namespace appd::python {
namespace {

/// The bytes of a str, which must be latin-1. `what`: for the error's text.
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
  // No Python code runs in here, so the list stays as it is.
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); ++i) add_header(PyList_GET_ITEM(headers, i));
}

void HeadBuffer::set_status(PyObject* status) {
  const std::string_view text = latin1_of(status, "status");
  const auto code = parse_status(text);
  if (!code) raise(PyExc_ValueError, "status must be like '200 OK', from 200 on, not %R", status);
  assign(text);
}

void HeadBuffer::assign(std::string_view status) {
  text_ = status;
  extents_.clear();
  content_length_.reset();
  status_ = parse_status(status).value_or(0);
  lacked_reason_ = status.size() == 3;
  if (lacked_reason_) text_ += " Unknown";  // fronts differ on a status line without a reason
  status_size_ = text_.size();
}

void HeadBuffer::add_header(PyObject* header) {
  if (!PyTuple_Check(header) || PyTuple_GET_SIZE(header) != 2)
    raise(PyExc_TypeError, "a header must be a tuple of name and value, not %R", header);
  const std::string_view name = latin1_of(PyTuple_GET_ITEM(header, 0), "a header's name");
  const std::string_view value = latin1_of(PyTuple_GET_ITEM(header, 1), "a header's value");
  if (!is_header_name(name)) raise(PyExc_ValueError, "not a header name: %R", header);
  if (!is_header_value(value)) raise(PyExc_ValueError, "control characters in header %R", header);
  if (is_servers_own(name))
    raise(PyExc_ValueError, "header %R belongs to the server, not to the application", header);
  if (!is_content_length(name)) return add(name, value);
  const auto length = parse_content_length(value);
  if (!length) raise(PyExc_ValueError, "Content-Length must be a number, not %R", header);
  if (content_length_) raise(PyExc_ValueError, "a second Content-Length: %R", header);
  set_content_length(*length);
}

void HeadBuffer::add(std::string_view name, std::string_view value) {
  text_ += name;
  text_ += value;
  extents_.push_back({name.size(), value.size(), false});
}

void HeadBuffer::set_content_length(std::uint64_t length) {
  remove_content_length();
  const fmt::format_int digits(length);
  add("Content-Length", {digits.data(), digits.size()});
  extents_.back().is_content_length = true;
  content_length_ = length;
}

void HeadBuffer::remove_content_length() {
  if (!content_length_) return;
  content_length_.reset();
  std::size_t offset = status_size_;
  for (auto extent = extents_.begin(); extent != extents_.end(); ++extent) {
    if (extent->is_content_length) {
      text_.erase(offset, extent->name + extent->value);
      extents_.erase(extent);
      return;
    }
    offset += extent->name + extent->value;
  }
}

gateway::ResponseHead HeadBuffer::view() {
  fields_.clear();
  std::string_view rest = text_;
  const auto take = [&rest](std::size_t size) {
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  };
  const std::string_view status = take(status_size_);
  for (const Extent& extent : extents_) {
    const std::string_view name = take(extent.name);
    fields_.push_back({name, take(extent.value)});
  }
  return {status, fields_};
}

}  // namespace appd::python

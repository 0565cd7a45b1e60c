// WSGI's native strings and bytes.
#pragma once

#include <string_view>

#include "runtime/python/errors.hpp"

namespace appd::python {

/// WSGI's native strings: bytes decoded as latin-1, one to one.
inline Ref make_latin1(std::string_view bytes) {
  return checked(
      PyUnicode_DecodeLatin1(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), nullptr));
}

/// The bytes of a str whose characters are all ≤ U+00FF (`PyUnicode_1BYTE_KIND`), without a copy.
inline std::string_view view_latin1(PyObject* text) noexcept {
  return {reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(text)),
          static_cast<std::size_t>(PyUnicode_GET_LENGTH(text))};
}

inline std::string_view view_bytes(PyObject* bytes) noexcept {
  return {PyBytes_AS_STRING(bytes), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes))};
}

}  // namespace appd::python

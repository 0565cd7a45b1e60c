// Iterates over a response and checks each chunk.

#include "runtime/python/chunk_iterator.hpp"

#include <fmt/format.h>

#include "runtime/python/errors.hpp"
#include "runtime/python/response.hpp"

namespace appd::python {
namespace {

bool says_one(PyObject* result) {
  const PyTypeObject* const type = Py_TYPE(result);
  const bool sized =
      (type->tp_as_sequence != nullptr && type->tp_as_sequence->sq_length != nullptr) ||
      (type->tp_as_mapping != nullptr && type->tp_as_mapping->mp_length != nullptr);
  if (!sized) return false;  // asking a generator would raise a TypeError for each response
  const Py_ssize_t length = PyObject_Size(result);
  if (length >= 0) return length == 1;
  if (PyErr_ExceptionMatches(PyExc_Exception) == 0) throw PythonError();
  PyErr_Clear();
  return false;
}

Ref iterate_over(PyObject* result) {
  const PyTypeObject* const type = Py_TYPE(result);
  const bool iterable = type->tp_iter != nullptr || PySequence_Check(result) != 0;
  if (!iterable || PyUnicode_Check(result))
    throw ResponseError(
        fmt::format("the application returned {}, not an iterable of bytes", type->tp_name));
  return checked(PyObject_GetIter(result));
}

}  // namespace

void require_bytes(PyObject* chunk) {
  if (!PyBytes_Check(chunk))
    throw ResponseError(
        fmt::format("the application's iterable gave {}, not bytes", Py_TYPE(chunk)->tp_name));
}

ChunkIterator::ChunkIterator(PyObject* result)
    : single_(says_one(result)), iterator_(iterate_over(result)) {}

Ref ChunkIterator::next() {
  Ref chunk = Ref::steal(PyIter_Next(iterator_.get()));
  if (chunk)
    require_bytes(chunk.get());
  else if (PyErr_Occurred() != nullptr)
    throw PythonError();
  return chunk;
}

}  // namespace appd::python

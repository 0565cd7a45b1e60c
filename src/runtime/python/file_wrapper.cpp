// Finds the file and range that a wrapped object stands for. net/outgoing_item.cpp sends them.

#include "runtime/python/file_wrapper.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <memory>

#include "runtime/python/boxed.hpp"
#include "runtime/python/errors.hpp"

namespace appd::python {
namespace {

constexpr Py_ssize_t kDefaultBlock = 8192;

FileWrapper& wrapper_of(PyObject* self) noexcept {
  return unboxed<FileWrapper>(self);
}

Ref attribute(PyObject* object, const char* name) {
  return checked(PyObject_GetAttrString(object, name));
}

bool is_exactly(PyObject* object, PyObject* module, const char* type) {
  return reinterpret_cast<PyObject*>(Py_TYPE(object)) == attribute(module, type).get();
}

/// Whether `file` is an open binary file of the io module, raw or buffered, and no subclass of
/// these.
bool is_plain_file(PyObject* file) {
  const Ref io = checked(PyImport_ImportModule("io"));
  if (is_exactly(file, io.get(), "FileIO")) return true;
  if (!is_exactly(file, io.get(), "BufferedReader") &&
      !is_exactly(file, io.get(), "BufferedRandom"))
    return false;
  return is_exactly(attribute(file, "raw").get(), io.get(), "FileIO");
}

std::int64_t call_for_number(PyObject* object, const char* name) {
  const Ref result = checked(PyObject_CallMethod(object, name, nullptr));
  const long long number = PyLong_AsLongLong(result.get());
  if (number == -1 && PyErr_Occurred() != nullptr) throw PythonError();
  return number;
}

std::optional<gateway::FileRange> range_of(PyObject* file) {
  if (!is_plain_file(file)) return std::nullopt;
  const auto descriptor = static_cast<int>(call_for_number(file, "fileno"));
  // Accounts for the buffer; lseek does not
  const std::int64_t position = call_for_number(file, "tell");
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  support::UniqueFd own(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!own) return std::nullopt;
  const std::int64_t length = status.st_size > position ? status.st_size - position : 0;
  return gateway::FileRange{std::make_shared<const support::UniqueFd>(std::move(own)),
                            static_cast<std::uint64_t>(position),
                            static_cast<std::uint64_t>(length)};
}

}  // namespace

std::optional<gateway::FileRange> FileWrapper::to_range(PyObject* wrapper) {
  try {
    return range_of(wrapper_of(wrapper).file());
  } catch (const PythonError&) {
    if (PyErr_ExceptionMatches(PyExc_Exception) == 0) throw;
    PyErr_Clear();  // closed or write-only: reading will report it
    return std::nullopt;
  }
}

Ref FileWrapper::read_block() const {
  Ref block = checked(PyObject_CallMethod(file_.get(), "read", "n", block_size_));
  const int more = checked(PyObject_IsTrue(block.get()));
  return more != 0 ? std::move(block) : Ref();
}

int FileWrapper::visit(visitproc visitor, void* argument) const {
  PyObject* const file = file_.get();
  return file != nullptr ? visitor(file, argument) : 0;
}

// -- The Python type

namespace {

/// Leads new instances to their counters: a capsule in the type's dict.
constexpr const char* kLiveName = "_live";

LiveCounters& live_of(PyTypeObject* type) {
  const Ref capsule = attribute(reinterpret_cast<PyObject*>(type), kLiveName);
  void* const live = PyCapsule_GetPointer(capsule.get(), nullptr);
  if (live == nullptr) throw PythonError();
  return *static_cast<LiveCounters*>(live);
}

PyObject* new_slot(PyTypeObject* type, PyObject* arguments, PyObject* names) noexcept {
  return guarded([&] {
    static const char* const keywords[] = {"filelike", "blksize", nullptr};
    PyObject* file = nullptr;
    Py_ssize_t block_size = kDefaultBlock;
    if (PyArg_ParseTupleAndKeywords(arguments, names, "O|n", const_cast<char**>(keywords), &file,
                                    &block_size) == 0)
      throw PythonError();
    LiveCounters& live = live_of(type);
    Ref self = checked(type->tp_alloc(type, 0));
    new (&wrapper_of(self.get())) FileWrapper(Ref::borrow(file), block_size, live);
    return self;
  });
}

int traverse_slot(PyObject* self, visitproc visit, void* arg) noexcept {
  Py_VISIT(Py_TYPE(self));
  return wrapper_of(self).visit(visit, arg);
}

int clear_slot(PyObject* self) noexcept {
  wrapper_of(self).clear();
  return 0;
}

void dealloc_slot(PyObject* self) noexcept {
  PyObject_GC_UnTrack(self);
  PyTypeObject* const type = Py_TYPE(self);
  std::destroy_at(&wrapper_of(self));
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* next_slot(PyObject* self) noexcept {
  return guarded([&] { return wrapper_of(self).read_block(); });
}

/// `close` is the file's own, so it exists exactly if the file has one.
PyObject* getattro_slot(PyObject* self, PyObject* name) noexcept {
  const bool is_close =
      PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "close") == 0;
  return is_close ? PyObject_GetAttr(wrapper_of(self).file(), name)
                  : PyObject_GenericGetAttr(self, name);
}

}  // namespace

Ref FileWrapper::make_type(LiveCounters& live) {
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("file_wrapper(filelike, blksize=8192) of PEP 3333")},
      {Py_tp_new, slot(new_slot)},
      {Py_tp_dealloc, slot(dealloc_slot)},
      {Py_tp_traverse, slot(traverse_slot)},
      {Py_tp_clear, slot(clear_slot)},
      {Py_tp_iter, slot(PyObject_SelfIter)},
      {Py_tp_iternext, slot(next_slot)},
      {Py_tp_getattro, slot(getattro_slot)},
      {0, nullptr},
  };
  static PyType_Spec spec = {"appd.FileWrapper", sizeof(Boxed<FileWrapper>), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
  Ref type = checked(PyType_FromSpec(&spec));
  const Ref capsule = checked(PyCapsule_New(&live, nullptr, nullptr));
  checked(PyObject_SetAttrString(type.get(), kLiveName, capsule.get()));
  return type;
}

}  // namespace appd::python

// Reads, buffers and splits a request's body for Python.

#include "runtime/python/input_stream.hpp"

#include <algorithm>
#include <limits>

#include "runtime/python/boxed.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/python/forked_child.hpp"
#include "runtime/python/gil.hpp"
#include "runtime/support/application_forks.hpp"

namespace appd::python {
namespace {

constexpr std::size_t kReadAhead = 16 * 1024;
/// A read of the whole body allocates up to this much on the word of CONTENT_LENGTH, and more as
/// bytes arrive.
constexpr std::size_t kTrustedAllocation = 1024 * 1024;
/// Copies of more than this release the interpreter.
constexpr std::size_t kLongCopy = 64 * 1024;

Ref make_bytes(std::size_t size) {
  return checked(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size)));
}

Ref make_bytes(std::string_view text) {
  return checked(PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
}

std::span<char> bytes_from(const Ref& bytes, std::size_t offset) noexcept {
  return {PyBytes_AS_STRING(bytes.get()) + offset,
          static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get())) - offset};
}

void resize(Ref& bytes, std::size_t size) {
  if (static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get())) == size) return;
  PyObject* object = bytes.release();
  checked(_PyBytes_Resize(&object, static_cast<Py_ssize_t>(size)));
  bytes = Ref::steal(object);
}

}  // namespace

/// One read: refuses another at the same time, and any after the request's end.
class InputStream::Use {
 public:
  explicit Use(InputStream& stream) : stream_(stream) {
    if (stream.exchange_ == nullptr)
      raise(PyExc_ValueError, "wsgi.input is read after its request has ended");
    if (stream.in_use_.exchange(true))
      raise(PyExc_RuntimeError, "wsgi.input is read by two threads at once");
  }
  ~Use() {
    stream_.in_use_ = false;
    stream_.in_use_.notify_all();
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  InputStream& stream_;
};

void InputStream::attach(gateway::Exchange& exchange) noexcept {
  exchange_ = &exchange;
  was_cut_ = false;
}

void InputStream::detach() noexcept {
  exchange_ = nullptr;
  if (in_use_) {
    GilRelease released;
    in_use_.wait(true);
  }
  if (buffer_.empty()) return;
  buffer_ = {};
  position_ = 0;
}

Ref InputStream::read(Py_ssize_t limit) {
  const Use use(*this);
  return limit < 0 ? read_unlimited() : read_exactly(static_cast<std::size_t>(limit));
}

Ref InputStream::read_unlimited() {
  return read_exactly(static_cast<std::size_t>(std::numeric_limits<Py_ssize_t>::max()));
}

/// Reads straight into the bytes object. It grows as bytes arrive, never on a promise alone.
Ref InputStream::read_exactly(std::size_t limit) {
  Ref bytes = make_bytes(first_allocation(limit));
  std::size_t filled = 0;
  while (filled < limit) {
    if (filled == static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get())))
      resize(bytes, std::min(limit, std::max(2 * filled, kReadAhead)));
    const std::size_t got = read_into(bytes_from(bytes, filled));
    if (got == 0) break;
    filled += got;
  }
  resize(bytes, filled);
  return bytes;
}

/// A body of known length gets the size of its remainder, and one byte to meet the end without
/// growing.
std::size_t InputStream::first_allocation(std::size_t limit) const noexcept {
  const auto length = exchange_->request().content_length();
  const std::size_t expected =
      length ? static_cast<std::size_t>(std::min<std::uint64_t>(*length, kTrustedAllocation)) + 1
             : kReadAhead;
  return std::min(limit, expected);
}

std::size_t InputStream::read_into(std::span<char> into) {
  const std::size_t buffered = take_buffered(into);
  return buffered > 0 ? buffered : receive(into);
}

std::size_t InputStream::take_buffered(std::span<char> into) noexcept {
  const std::size_t size = std::min(into.size(), buffered().size());
  std::copy_n(buffered().begin(), size, into.begin());
  position_ += size;
  return size;
}

/// Waits for at least one byte; returns 0 at the body's end.
std::size_t InputStream::receive(std::span<char> into) {
  for (;;) {
    if (exchange_ == nullptr)
      raise(PyExc_ValueError, "the request ended while wsgi.input was read");
    if (support::forked_by_application()) raise_of_parent("wsgi.input");
    const gateway::BodyRead got = try_receive(into);
    switch (got.status) {
      case gateway::BodyStatus::data:
        return got.bytes;
      case gateway::BodyStatus::end:
        return 0;
      case gateway::BodyStatus::cut:
        was_cut_ = true;
        raise(PyExc_ConnectionResetError,
              "the client closed the connection before the whole body arrived");
      case gateway::BodyStatus::would_block:
        break;
    }
    gateway::Exchange& exchange = *exchange_;  // stays valid until this read has ended: see detach
    GilRelease released;
    exchange.wait_body();
  }
}

gateway::BodyRead InputStream::try_receive(std::span<char> into) {
  gateway::Exchange& exchange = *exchange_;
  if (into.size() <= kLongCopy) return exchange.try_read_body(into);
  GilRelease released;
  return exchange.try_read_body(into);
}

Ref InputStream::read_line(Py_ssize_t limit) {
  const Use use(*this);
  const std::size_t most =
      limit < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(limit);
  std::size_t searched = 0;
  for (;;) {
    const std::string_view ready = buffered().substr(0, most);
    const std::size_t newline = ready.find('\n', searched);
    const bool found = newline != std::string_view::npos;
    searched = ready.size();
    if (found || ready.size() == most || !read_ahead()) {
      const std::string_view line = buffered().substr(0, found ? newline + 1 : searched);
      Ref bytes = make_bytes(line);
      position_ += line.size();
      return bytes;
    }
  }
}

/// Adds body bytes to the buffer; false at the body's end.
bool InputStream::read_ahead() {
  buffer_.erase(0, position_);
  position_ = 0;
  const std::size_t held = buffer_.size();
  buffer_.resize(held + std::max(held, kReadAhead));
  std::size_t got = 0;
  try {
    got = receive(std::span(buffer_).subspan(held));
  } catch (...) {
    buffer_.resize(held);
    throw;
  }
  buffer_.resize(held + got);
  return got > 0;
}

Ref InputStream::read_lines(Py_ssize_t hint) {
  Ref lines = checked(PyList_New(0));
  for (Py_ssize_t total = 0; hint <= 0 || total < hint;) {
    const Ref line = read_line(-1);
    if (PyBytes_GET_SIZE(line.get()) == 0) break;
    total += PyBytes_GET_SIZE(line.get());
    checked(PyList_Append(lines.get(), line.get()));
  }
  return lines;
}

bool InputStream::client_disconnected() const noexcept {
  return exchange_ == nullptr || exchange_->front_gone();
}

// -- The Python type

namespace {

InputStream& stream_of(PyObject* self) noexcept {
  return unboxed<InputStream>(self);
}

/// The optional argument of the read methods: a number, None or nothing.
Py_ssize_t parse_limit(PyObject* const* arguments, Py_ssize_t count) {
  if (count > 1) raise(PyExc_TypeError, "at most 1 argument expected, got %zd", count);
  if (count == 0 || arguments[0] == Py_None) return -1;
  const Py_ssize_t limit = PyNumber_AsSsize_t(arguments[0], nullptr);
  if (limit == -1 && PyErr_Occurred() != nullptr) throw PythonError();
  return limit;
}

template <Ref (InputStream::*Read)(Py_ssize_t)>
PyObject* read_slot(PyObject* self, PyObject* const* arguments, Py_ssize_t count) noexcept {
  return guarded([&] { return (stream_of(self).*Read)(parse_limit(arguments, count)); });
}

PyObject* next_slot(PyObject* self) noexcept {
  return guarded([&] {
    Ref line = stream_of(self).read_line(-1);
    return PyBytes_GET_SIZE(line.get()) > 0 ? std::move(line) : Ref();
  });
}

PyObject* close_slot(PyObject*, PyObject*) noexcept {
  return none().release();
}

}  // namespace

Ref InputStream::make_type() {
  static PyMethodDef methods[] = {
      {"read", method(read_slot<&InputStream::read>), METH_FASTCALL,
       "read(size=-1): at most size bytes; fewer only at the body's end"},
      {"readline", method(read_slot<&InputStream::read_line>), METH_FASTCALL,
       "readline(size=-1): up to and with the next newline"},
      {"readlines", method(read_slot<&InputStream::read_lines>), METH_FASTCALL,
       "readlines(hint=-1): a list of lines"},
      {"close", close_slot, METH_NOARGS, "Does nothing: the stream is the server's"},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("The request's body")},
      {Py_tp_dealloc, slot(dealloc_boxed<InputStream>)},
      {Py_tp_methods, methods},
      {Py_tp_iter, slot(PyObject_SelfIter)},
      {Py_tp_iternext, slot(next_slot)},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "appd.Input", sizeof(Boxed<InputStream>), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
  return checked(PyType_FromSpec(&spec));
}

}  // namespace appd::python

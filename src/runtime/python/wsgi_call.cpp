// Runs one WSGI call from environ to close, interrupts it at its deadline, and reports errors.

#include "runtime/python/wsgi_call.hpp"

#include <fmt/format.h>

#include <array>
#include <exception>
#include <string>
#include <utility>

#include "runtime/gateway/request_text.hpp"
#include "runtime/python/boxed.hpp"
#include "runtime/python/chunk_iterator.hpp"
#include "runtime/python/console_writes.hpp"
#include "runtime/python/errors.hpp"
#include "runtime/python/file_wrapper.hpp"
#include "runtime/python/forked_child.hpp"
#include "runtime/python/gil.hpp"
#include "runtime/python/input_stream.hpp"
#include "runtime/python/latin1.hpp"
#include "runtime/python/start_response.hpp"
#include "runtime/support/application_forks.hpp"

namespace appd::python {
namespace {

/// More pieces than this are sent one by one.
constexpr Py_ssize_t kMostPieces = 256;
constexpr unsigned kServerError = 500;  // and above

PyObject* client_disconnected_slot(PyObject* input, PyObject*) noexcept {
  return PyBool_FromLong(unboxed<InputStream>(input).client_disconnected());
}

/// What reading and writing raise once the client has gone, and what frameworks make of that.
bool is_of_lost_connection(PyObject* exception) noexcept {
  if (PyErr_GivenExceptionMatches(exception, PyExc_ConnectionError) != 0) return true;
  const Ref cause = Ref::steal(PyException_GetCause(exception));
  return cause && PyErr_GivenExceptionMatches(cause.get(), PyExc_ConnectionError) != 0;
}

PyMethodDef client_disconnected_method = {
    "client_disconnected", client_disconnected_slot, METH_NOARGS,
    "client_disconnected(): True when nobody waits for the response any more"};

}  // namespace

WsgiCall::WsgiCall(const WsgiShared& shared)
    : shared_(shared),
      environ_builder_(Ref::borrow(shared.base_environ.get())),
      response_(shared.deferred_decrefs),
      error_text_(shared.reporter),
      thread_(PyThread_get_thread_ident()) {}

void WsgiCall::run(gateway::Exchange& exchange) noexcept {
  shared_.deferred_decrefs->clear();
  exchange_ = &exchange;
  failure_ = Response::Failure::error;
  failed_ = false;
  written_before_ = console_writes();
  response_.begin(exchange);
  error_text_.begin(exchange);
  Ref result;
  attempt([&] { result = call_application(); });
  if (result) {
    attempt([&] { send_result(result.get()); });
    attempt([&] { close(result.get()); });
    attempt([&] { result.reset(); });
  }
  const bool gone = client_gone();
  take_back();
  attempt([&] { report_oddities(gone); });
  attempt([&] { error_text_.end(); });
  exchange_ = nullptr;
  drop_interrupt();  // must be last: the interpreter is held from here to the end of the exchange
}

void WsgiCall::interrupt() noexcept {
  interrupted_ = true;
  PyThreadState_SetAsyncExc(thread_, shared_.request_timeout.get());
}

/// An interrupt that was not raised yet is not for the next call.
void WsgiCall::drop_interrupt() noexcept {
  if (std::exchange(interrupted_, false)) PyThreadState_SetAsyncExc(thread_, nullptr);
}

bool WsgiCall::is_of_interrupt(PyObject* exception) const noexcept {
  return interrupted_ && PyErr_GivenExceptionMatches(exception, shared_.request_timeout.get()) != 0;
}

Ref WsgiCall::call_application() {
  lend();
  const Ref environ = make_environ();
  std::array<PyObject*, 3> arguments = {nullptr, environ.get(), start_response_.object().get()};
  return checked(PyObject_Vectorcall(shared_.application.get(), arguments.data() + 1,
                                     2 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
}

Ref WsgiCall::make_environ() {
  const gateway::Request& request = exchange_->request();
  Ref environ = environ_builder_.build(request);
  const auto set = [&](const Ref& key, const Ref& value) {
    checked(PyDict_SetItem(environ.get(), key.get(), value.get()));
  };
  set(shared_.wsgi_input, input_.object());
  set(shared_.client_disconnected, input_.function());
  if (request.url_scheme() == "https") set(shared_.wsgi_url_scheme, shared_.https);
  return environ;
}

void WsgiCall::send_result(PyObject* result) {
  if (!send_at_once(result) && !send_file(result)) iterate(result);
}

/// Sends a list or tuple of bytes as a whole, so that its length is known.
bool WsgiCall::send_at_once(PyObject* result) {
  if (PyBytes_Check(result)) {
    report(gateway::LogEvent::response_bytes,
           "the application returned bytes; they were sent as [bytes]");
    send_pieces({&result, 1}, result);
    return true;
  }
  if (!PyList_CheckExact(result) && !PyTuple_CheckExact(result)) return false;
  // Another thread may change the application's list, but not `owner`.
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(result);
  if (count > kMostPieces) return false;
  const Ref owner = count == 1 ? Ref::borrow(PySequence_Fast_GET_ITEM(result, 0))
                               : checked(PySequence_Tuple(result));
  PyObject* const only = owner.get();
  PyObject* const* const items = count == 1 ? &only : PySequence_Fast_ITEMS(owner.get());
  send_pieces({items, static_cast<std::size_t>(count)}, owner.get());
  return true;
}

void WsgiCall::send_pieces(std::span<PyObject* const> items, PyObject* owner) {
  pieces_.clear();
  for (PyObject* const item : items) {
    require_bytes(item);
    if (const auto piece = view_bytes(item); !piece.empty()) pieces_.push_back(piece);
  }
  response_.send_rest(pieces_, owner);
}

bool WsgiCall::send_file(PyObject* result) {
  if (reinterpret_cast<PyObject*>(Py_TYPE(result)) != shared_.file_wrapper_type.get()) return false;
  if (!response_.started() || !response_.takes_body() || response_.satisfied()) return false;
  auto range = FileWrapper::to_range(result);
  if (!range || range->length == 0) return false;
  response_.send_file(std::move(*range));
  return true;
}

void WsgiCall::iterate(PyObject* result) {
  ChunkIterator chunks(result);
  while (response_.wants_chunk()) {
    const Ref chunk = chunks.next();
    end_if_forked();
    if (!chunk) break;
    if (chunks.has_single()) response_.infer_length(view_bytes(chunk.get()).size());
    response_.send(chunk.get());
  }
  response_.finish();
}

void WsgiCall::close(PyObject* result) {
  if (PyList_CheckExact(result) || PyTuple_CheckExact(result)) return;
  const Ref method = Ref::steal(compat::optional_attribute(result, shared_.close.get()));
  if (method)
    checked(PyObject_CallNoArgs(method.get()));
  else if (PyErr_Occurred() != nullptr)
    throw PythonError();
}

void WsgiCall::lend() {
  if (!input_) {
    input_ = {make_boxed<InputStream>(shared_.input_type.get()), client_disconnected_method};
  }
  if (!start_response_) {
    start_response_ = StartResponse::make(shared_.start_response_type.get(), response_);
  }
  unboxed<InputStream>(input_.object().get()).attach(*exchange_);
  StartResponse::of(start_response_.object().get()).attach(start_response_.function().get());
}

/// Objects of this call that the application keeps can do nothing from here on.
void WsgiCall::take_back() noexcept {
  if (input_) {
    auto& stream = unboxed<InputStream>(input_.object().get());
    stream.detach();
    if (!input_.given_back()) {
      stream.leave(shared_.live);
      input_ = {};
    }
  }
  if (start_response_) {
    StartResponse& responder = StartResponse::of(start_response_.object().get());
    responder.detach();
    if (!start_response_.given_back()) {
      responder.leave(shared_.live);
      start_response_ = {};
    }
  }
}

template <typename Step>
void WsgiCall::attempt(Step step) noexcept {
  try {
    step();
    end_if_forked();
  } catch (const PythonError&) {
    end_if_forked();
    failed_ = true;
    on_python_exception();
    response_.fail(failure_);
  } catch (const std::exception& error) {
    failed_ = true;
    report(gateway::LogEvent::response_invalid, error.what());
    response_.fail(failure_);
  }
}

/// The application returned in another process than it was called in: the request belongs to that
/// one.
void WsgiCall::end_if_forked() noexcept {
  if (!support::forked_by_application()) [[likely]]
    return;
  end_forked_child_as_pending(shared_.reporter, gateway::request_text(exchange_->request()));
}

bool WsgiCall::client_gone() const noexcept {
  const bool body_cut = input_ && unboxed<InputStream>(input_.object().get()).was_cut();
  return exchange_->front_gone() || body_cut;
}

void WsgiCall::on_python_exception() noexcept {
  const Ref exception = Ref::steal(compat::take_raised());
  if (client_gone() && is_of_lost_connection(exception.get())) return;  // see report_oddities
  if (is_of_interrupt(exception.get())) {
    failure_ = Response::Failure::timeout;
    report(gateway::LogEvent::request_interrupted, "the call was ended by --request-timeout");
    return;
  }
  const Failure failure = describe(exception.get());
  report(gateway::LogEvent::application_raised, "the application raised " + failure.line,
         failure.traceback);
}

void WsgiCall::report_oddities(bool client_gone) noexcept {
  if (response_.has_excess())
    report(gateway::LogEvent::response_excess,
           "the application gave more body than its head allows; "
           "the excess was dropped");
  if (response_.lacked_reason())
    report(gateway::LogEvent::response_no_reason,
           "the application's status has no reason phrase; one was added");
  if (client_gone)
    report(gateway::LogEvent::response_client_gone,
           "the client went away before the end of the call");
  if (response_.status() >= kServerError && !failed_) report_silent_error();
}

/// What other calls write meanwhile counts too: an application that logs is not silent.
void WsgiCall::report_silent_error() noexcept {
  if (console_writes() != written_before_) return;
  const std::string message = gateway::message_about(
      exchange_->request(),
      fmt::format("the application answered with {} and has written nothing about it to "
                  "sys.stderr, sys.stdout or wsgi.errors",
                  response_.status()));
  const GilRelease released;
  shared_.reporter.report(gateway::LogEvent::application_silent_error, message);
}

void WsgiCall::report(gateway::LogEvent event, std::string_view what,
                      std::string_view traceback) noexcept {
  gateway::Reporter& reporter = shared_.reporter;
  if (!reporter.wants(event)) return;
  if (traceback.ends_with('\n')) traceback.remove_suffix(1);
  const std::string message = gateway::message_about(
      exchange_->request(), fmt::format("{}{}{}", what, traceback.empty() ? "" : "\n", traceback));
  const GilRelease released;
  reporter.report(event, message);
}

}  // namespace appd::python

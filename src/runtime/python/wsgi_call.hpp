// Runs calls of the WSGI application on one pool thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/gateway/exchange.hpp"
#include "runtime/python/bound_function.hpp"
#include "runtime/python/environ_builder.hpp"
#include "runtime/python/error_stream.hpp"
#include "runtime/python/response.hpp"
#include "runtime/python/wsgi_shared.hpp"

namespace appd::python {

/// Runs one call of the application after another on one pool thread: environ, call, body, close.
/// All exceptions of the application end here. Reuses its objects.
class WsgiCall {
 public:
  /// Made, used and destroyed on one thread, holding the interpreter. `shared` must outlive it.
  explicit WsgiCall(const WsgiShared& shared);
  WsgiCall(const WsgiCall&) = delete;
  WsgiCall& operator=(const WsgiCall&) = delete;

  /// Answers `exchange`, or breaks its response off. Holding the interpreter, which is released
  /// wherever something waits.
  void run(gateway::Exchange& exchange) noexcept;

  /// Raises appd.RequestTimeout in the call that its thread is in, or about to begin. By another
  /// thread, holding the interpreter.
  void interrupt() noexcept;

 private:
  Ref call_application();
  Ref make_environ();
  void send_result(PyObject* result);
  bool send_at_once(PyObject* result);
  void send_pieces(std::span<PyObject* const> items, PyObject* owner);
  bool send_file(PyObject* result);
  void iterate(PyObject* result);
  void close(PyObject* result);
  void lend();
  void take_back() noexcept;

  template <typename Step>
  void attempt(Step step) noexcept;
  void end_if_forked() noexcept;
  bool client_gone() const noexcept;
  void on_python_exception() noexcept;
  bool is_of_interrupt(PyObject* exception) const noexcept;
  void drop_interrupt() noexcept;
  void report_oddities(bool client_gone) noexcept;
  void report_silent_error() noexcept;
  void report(gateway::LogEvent event, std::string_view what,
              std::string_view traceback = {}) noexcept;

  const WsgiShared& shared_;
  EnvironBuilder environ_builder_;
  Response response_;
  ErrorText error_text_;
  std::vector<std::string_view> pieces_;

  // What the application gets besides environ. The next call uses them again, unless the
  // application keeps them.
  BoundFunction input_;           // with appd.client_disconnected
  BoundFunction start_response_;  // with write

  gateway::Exchange* exchange_ = nullptr;                 // of the current call
  bool failed_ = false;                                   // the failure is logged, or need not be
  std::uint64_t written_before_ = 0;                      // to the console, by any thread
  const unsigned long thread_;                            // Python's id of the thread
  bool interrupted_ = false;                              // changed holding the interpreter
  Response::Failure failure_ = Response::Failure::error;  // the response to a failure now
};

}  // namespace appd::python

// wsgi.errors: what applications write there, line by line.
#pragma once

#include <string>
#include <string_view>

#include "runtime/gateway/exchange.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// Text that one call writes to wsgi.errors on its own pool thread. Whole lines go to the log,
/// after a line that names the request; the lines of one write stay together. The text also goes to
/// the exchange.
class ErrorText {
 public:
  explicit ErrorText(gateway::Reporter& reporter) noexcept : reporter_(reporter) {}

  /// The sink of the calling thread while it runs a call, else null.
  static ErrorText* of_this_thread() noexcept;

  /// Makes this the calling thread's sink until `end`.
  void begin(gateway::Exchange& exchange) noexcept;
  /// Reports text that was left without a newline.
  void end();

  void write(std::string_view text);

 private:
  void report(std::string_view lines);

  gateway::Reporter& reporter_;
  gateway::Exchange* exchange_ = nullptr;
  std::string partial_;  // the beginning of a line that has no newline yet
};

/// The wsgi.errors object that all requests share. On a thread that runs no call, text goes to the
/// log unchanged.
class ErrorStream {
 public:
  explicit ErrorStream(gateway::Reporter& reporter) noexcept : reporter_(reporter) {}

  /// A new object of a new type. The reporter must outlive it.
  static Ref make(gateway::Reporter& reporter);

  void write(PyObject* text);

 private:
  gateway::Reporter& reporter_;
};

}  // namespace appd::python

#pragma once

#include <string>
#include <string_view>

#include "runtime/gateway/exchange.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// What one call writes to wsgi.errors on its own pool thread. Whole lines go to the log with the
/// request's line before them; those of one write stay together. The text also goes to the
/// exchange.
class ErrorText {
 public:
  explicit ErrorText(gateway::Reporter& reporter) noexcept : reporter_(reporter) {}

  /// The sink of the calling thread while it runs a call, else null.
  static ErrorText* of_this_thread() noexcept;

  /// Between `begin` and `end` this is the calling thread's sink.
  void begin(gateway::Exchange& exchange) noexcept;
  /// Reports what was left without a newline.
  void end();

  void write(std::string_view text);

 private:
  void report(std::string_view lines);

  gateway::Reporter& reporter_;
  gateway::Exchange* exchange_ = nullptr;
  std::string partial_;  // a line whose newline has not come
};

/// The one wsgi.errors object that all requests share. On a thread that runs no call, what is
/// written goes to the log as it is.
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

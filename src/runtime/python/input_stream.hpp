// wsgi.input: the body of a request.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/gateway/exchange.hpp"
#include "runtime/python/live_counters.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// wsgi.input of a request (PEP 3333, "Input and Error Streams"): a Python object that reads the
/// exchange's body. It waits without the interpreter.
///
/// An application may keep the object, and may read from another thread while the call runs. Before
/// `attach` and after `detach` every use raises ValueError.
///
///     buffer_:  [ already read | read ahead by readline ]
///                              ^ position_
class InputStream {
 public:
  InputStream() noexcept = default;

  /// The heap type of wsgi.input objects, `Boxed<InputStream>`.
  static Ref make_type();

  /// Reads the body of `exchange` from now on.
  void attach(gateway::Exchange& exchange) noexcept;
  /// Drops the exchange. Waits first, without the interpreter, for a read by another thread to end.
  void detach() noexcept;
  /// The application keeps the object, for as long as it likes.
  void leave(LiveCounters& live) noexcept { kept_.emplace(live.inputs); }

  // Called by Python. `limit`: at most that many bytes; negative means no limit.
  Ref read(Py_ssize_t limit);
  Ref read_line(Py_ssize_t limit);
  /// `hint`: stops after lines of that many bytes in all; no limit unless positive.
  Ref read_lines(Py_ssize_t hint);
  /// True if the front or its client no longer waits for the response.
  bool client_disconnected() const noexcept;

  /// True if a read of this request met the end of an incomplete body.
  bool was_cut() const noexcept { return was_cut_; }

 private:
  class Use;

  Ref read_unlimited();
  Ref read_exactly(std::size_t limit);
  std::size_t read_into(std::span<char> into);
  std::size_t receive(std::span<char> into);
  gateway::BodyRead try_receive(std::span<char> into);
  bool read_ahead();
  std::size_t take_buffered(std::span<char> into) noexcept;
  std::string_view buffered() const noexcept { return std::string_view(buffer_).substr(position_); }
  std::size_t first_allocation(std::size_t limit) const noexcept;

  std::optional<Counted> kept_;
  gateway::Exchange* exchange_ = nullptr;  // while attached
  bool was_cut_ = false;
  std::string buffer_;
  std::size_t position_ = 0;
  std::atomic<bool> in_use_{false};  // a read is under way, perhaps without the interpreter
};

}  // namespace appd::python

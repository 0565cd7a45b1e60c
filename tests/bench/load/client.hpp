// The clients that send one kind of request.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/address.hpp"
#include "bench/load/latencies.hpp"
#include "bench/load/response.hpp"
#include "bench/load/wire.hpp"

namespace appd::load {

using Clock = std::chrono::steady_clock;

/// What the clients of one kind of request share: what to send, what must come back, and what was
/// measured. The run decides when they begin; all is used by its one thread.
struct Kind {
  Wire wire;
  Endpoint endpoint;
  std::string request;
  bool head_only = false;
  unsigned status = 200;
  std::optional<std::uint64_t> length;  ///< none: the first response sets it

  bool counting = false;  ///< false while warming up
  Latencies latencies;

  /// Why a response with this status and length is wrong; empty when it is right.
  std::string mismatch(unsigned got_status, std::uint64_t got_length);
};

/// What a client asks and tells.
class Pace {
 public:
  /// Whether another request of this kind may begin now; if so, it is taken to have begun.
  virtual bool may_begin(const Kind& kind, Clock::time_point now) = 0;
  /// The client was told that it may not begin, and waits to be started again.
  virtual void on_rest(const Kind& kind) = 0;
  virtual void on_response() = 0;
  /// The run is invalid.
  virtual void on_failure(std::string why) = 0;

 protected:
  ~Pace() = default;
};

/// One connection of the closed loop: sends, follows the response, checks it, and begins again.
class Client {
 public:
  Client(boost::asio::io_context& loop, Pace& pace, Kind& kind);

  /// Begins requests until the pace forbids it.
  void start();

 private:
  void next(Clock::time_point now);
  bool connect();
  void send();
  void receive();
  void on_input(const boost::system::error_code& error, std::size_t size);
  void on_end();
  void finish();
  void fail(std::string_view doing, std::string_view why);

  Pace& pace_;
  Kind& kind_;
  const bool kept_;
  Socket socket_;
  const std::unique_ptr<Response> response_;
  std::vector<char> input_;
  std::string_view unsent_;
  Clock::time_point begun_;
};

}  // namespace appd::load

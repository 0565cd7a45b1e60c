// Has a server answer the --warmup requests before it serves.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/decoder.hpp"
#include "runtime/gateway/reporter.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

/// Gives a connection to the server. Any thread.
using Connect = std::function<void(support::UniqueFd socket)>;

/// One request of --warmup.
struct WarmUpRequest {
  std::string text;    ///< as the option has it
  std::string target;  ///< path and query
  std::string host{};  ///< "" if none was given
  bool https = false;
};

struct WarmUps {
  std::vector<WarmUpRequest> requests;
  /// --warmup-accept: statuses from `first` to `second` pass too, with a warning.
  std::vector<std::pair<unsigned, unsigned>> accepted;
};

/// Sends each request to the application, one after the other, over a connection made for it, and
/// waits for the response. Throws std::runtime_error at the first status that is neither 2xx nor
/// accepted; the text names the request and says what to do. Not on a thread that the server needs.
void warm_up(const WarmUps& warm_ups, protocol::Wire wire, const Connect& connect,
             gateway::Reporter& reporter);

}  // namespace appd::net

// Has a server answer the --warmup requests before it serves.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/net/internal_request.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::net {

/// Gives a connection to the server; any thread.
using Connect = std::function<void(support::UniqueFd socket)>;

/// One request of --warmup.
struct WarmUpRequest {
  std::string text;    ///< as the option has it
  std::string target;  ///< path and query
  std::string host{};  ///< "": none was given
  bool https = false;
};

struct WarmUps {
  std::vector<WarmUpRequest> requests;
  /// --warmup-accept: the statuses from first to second pass too, with a warning.
  std::vector<std::pair<unsigned, unsigned>> accepted;
};

/// Asks the application for each of them, one after the other, over connections of our own, and
/// waits for the responses. Throws std::runtime_error that names the first one whose status is
/// neither 2xx nor accepted, and says what to do. Not on a thread that the server needs.
void warm_up(const WarmUps& warm_ups, protocol::Wire wire, const Connect& connect,
             gateway::Reporter& reporter);

}  // namespace appd::net

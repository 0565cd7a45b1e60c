// Options of a server as most tests want them.
#pragma once

#include <chrono>

#include "protocol/usual_limits.hpp"
#include "runtime/net/server_options.hpp"

namespace appd::test {

/// Options that stand in no test's way. A test that spools adds a folder.
struct UsualOptions : net::ServerOptions {
  UsualOptions() {
    decoder = protocol::testing::kUsualLimits;
    body_buffer = 1 << 20;
    header_timeout = std::chrono::seconds(15);
    body_timeout = std::chrono::seconds(75);
    write_timeout = std::chrono::seconds(75);
  }
};

}  // namespace appd::test

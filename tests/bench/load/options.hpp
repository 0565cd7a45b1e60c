// The options of appd_load.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "bench/load/request_bytes.hpp"
#include "bench/load/wire.hpp"

namespace appd::load {

/// One kind of request, sent over connections of its own.
struct KindOptions {
  std::size_t connections = 16;
  RequestShape request;
  unsigned status = 200;                ///< that every response must have
  std::optional<std::uint64_t> length;  ///< that every body must have; none: the first response's
};

/// What the command line asks for.
struct Options {
  Wire wire = Wire::fastcgi_kept;
  std::string address;  ///< a Unix socket's path, or HOST:PORT
  KindOptions kind;
  std::optional<KindOptions> beside;  ///< goes on for as long as `kind` does
  // Exactly one of the two ends the run.
  std::optional<std::uint64_t> requests;
  std::optional<std::chrono::nanoseconds> duration;
  std::chrono::nanoseconds warm_up{0};
  std::size_t idle_connections = 0;
  std::optional<pid_t> server;
  std::chrono::milliseconds patience{
      30'000};  ///< without any response, after which the run has failed
};

/// The command line makes no sense; the text says which option and why.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws UsageError. Nothing comes back when --help was asked for and answered on stdout.
std::optional<Options> parse_options(int argc, const char* const* argv);

}  // namespace appd::load

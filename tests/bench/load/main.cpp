// appd_load: drives a server with a closed loop of requests, and checks every response.
// It reports how fast the server was and what that cost it. `appd_load --help` lists the options.

#include <fmt/format.h>

#include <exception>

#include "bench/load/options.hpp"
#include "bench/load/run.hpp"

int main(int argc, char** argv) {
  using namespace appd::load;
  try {
    if (const auto options = parse_options(argc, argv)) {
      fmt::print("{}\n", to_json(run(*options)));
    }
    return 0;
  } catch (const UsageError& error) {
    fmt::print(stderr, "appd_load: {} (--help lists the options)\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "appd_load: {}\n", error.what());
    return 1;
  }
}

// The program appd-worker: a worker with the CPython that it is linked with.

#include <cstdio>
#include <cstdlib>

#include "runtime/python/embedded_python.hpp"
#include "runtime/support/exit_code.hpp"
#include "worker_program/worker_program.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "appd-worker is a part of appd, which executes it\n");
    return appd::support::exit_code::kFailure;
  }
  appd::run_worker_program(std::atoi(argv[1]), appd::python::start_embedded_python);
}

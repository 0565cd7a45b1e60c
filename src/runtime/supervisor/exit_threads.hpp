// Names the threads that kept a worker from exiting.
#pragma once

#include <string>
#include <string_view>

namespace appd::supervisor {

/// Names the threads that kept a worker from its exit: "; its threads ticker, mailer still ran". ""
/// if there were none. `threads` are those that it had when it began to exit, as in
/// WorkerMessage::Kind::exiting. `stacks` are what it left when it was ended. A thread without a
/// stack had ended by then. Without any stacks all threads are named.
std::string describe_exit_threads(std::string_view threads, std::string_view stacks);

}  // namespace appd::supervisor

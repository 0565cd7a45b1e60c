// Names the threads that kept a worker from exiting.
#pragma once

#include <string>
#include <string_view>

namespace appd::supervisor {

/// Which threads kept a worker from its exit: "; its threads ticker, mailer still ran". `threads`:
/// those that it had when it began to exit, as in WorkerMessage::Kind::exiting. `stacks`: what it
/// left when it was ended; a thread that is not there any more had ended, but if no thread is, it
/// has left none. "" when there were none.
std::string describe_exit_threads(std::string_view threads, std::string_view stacks);

}  // namespace appd::supervisor

// Standard descriptors and the terminal, of the master at its start and of its children.
#pragma once

namespace appd::support {

/// Opens /dev/null as standard input, output and error where this process has none, so that no
/// other file gets their numbers. Call it before anything else.
void fill_standard_descriptors() noexcept;

/// In a forked child: starts a session without a terminal, and opens /dev/null as standard input.
/// Output still reaches the terminal. But the child can push no input into it (TIOCSTI), and the
/// signals of its keys go to the parent alone.
void leave_terminal() noexcept;

}  // namespace appd::support

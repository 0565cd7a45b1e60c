#pragma once

namespace appd::support {

/// Opens /dev/null in the place of standard input, output and error where this process has none, so
/// that no other file gets their numbers. First of all.
void fill_standard_descriptors() noexcept;

/// In a forked child: a session of its own without a terminal, and nothing to read on standard
/// input. What it writes still goes to the terminal, but it can put nothing into that (TIOCSTI),
/// and signals of its keys are the parent's.
void leave_terminal() noexcept;

}  // namespace appd::support

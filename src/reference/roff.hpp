// Plain text as lines of a man page.
#pragma once

#include <string>
#include <string_view>

namespace appd::reference {

/// How a page names an option: `--threads` on the command line, `threads` in the file.
enum class Form { command_line, file };

/// `text` with backslashes, and dashes that are those of a keyboard: readers copy them.
std::string escape(std::string_view text);

/// `text` as lines of man(7), each with one sentence or a part of it. Options that it names are
/// bold, in the form given. An option that a file cannot have keeps its dashes.
std::string paragraph(std::string_view text, Form form);

}  // namespace appd::reference

// Recognises files that never change because their names say what is in them.
#pragma once

#include <string_view>

namespace appd::files {

/// Whether the name has a hash of the content, as Django's ManifestStaticFilesStorage and bundlers
/// write it: "base.27e20196a850.css", "main.8e0d2f1c.chunk.js", "name-8e0d2f1c.js". `path` is a
/// file's path or its name.
///
/// A wrong yes would keep an old file in browsers for a year, so only this counts: 8 to 64
/// hexadecimal digits in lower case, after a name with a dot or a dash, before a dot. At least one
/// must be a letter and one a decimal digit: "report-20240131.pdf" has a date and
/// "taste.defaced.js" a word. UUIDs are names, not hashes. Hashes with other letters, as Vite makes
/// them by default, cannot be told from words.
bool has_content_hash(std::string_view path) noexcept;

}  // namespace appd::files

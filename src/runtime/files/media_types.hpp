// The media types of files, by the extensions of their names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace appd::files {

/// Media types by extension: the system's, and for what it lacks those that the web needs. Any
/// thread may use it.
class MediaTypes {
 public:
  /// Of a larger file, the rest is not read.
  static constexpr std::size_t kLongestFile = 1024 * 1024;
  static constexpr const char* kSystemFile = "/etc/mime.types";

  /// `table` is in the form of mime.types: a type and its extensions in each line, comments after
  /// '#'. Malformed lines and extensions count for nothing. The first line with an extension
  /// counts.
  explicit MediaTypes(std::string_view table = {});
  /// The table in the file at `path`; none if it cannot be read.
  static MediaTypes read(const std::string& path = kSystemFile);

  /// By the part of `name` after the last dot, in upper or lower case. "application/octet-stream"
  /// if it has none or it is unknown. In lower case, without parameters; lives as long as this
  /// object.
  std::string_view type_of(std::string_view name) const;

 private:
  struct Entry {
    std::string_view extension;
    std::string_view type;
  };
  void add(std::string_view line);

  std::unique_ptr<const std::string> text_;  ///< what the entries view
  std::vector<Entry> entries_;  ///< sorted by extension; of equal ones the first counts
};

/// The value of Content-Type: texts have "; charset=utf-8" added, as browsers guess otherwise. Not
/// XML, which names its encoding itself, nor JSON, which is always UTF-8 (RFC 8259 section 11).
std::string content_type(std::string_view type);

/// Whether files of this type shrink when they are compressed, so that there may be compressed ones
/// beside them.
bool is_compressible(std::string_view type) noexcept;

}  // namespace appd::files

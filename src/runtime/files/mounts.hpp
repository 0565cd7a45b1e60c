// Which part of the site comes from which directory.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/files/file_root.hpp"

namespace appd::files {

/// A part of the site that is a directory.
struct Mount {
  std::string
      prefix;  ///< "/static"; a slash at the end makes no difference; "/" is all of the site
  FileRoot root;
  std::string index_file;  ///< answers a path that ends in a slash; "" for 404
};

/// The mounts of a site. Any thread may use it.
class Mounts {
 public:
  struct Place {
    const Mount* mount;
    std::string file;  ///< for FileRoot::open; "" or with a slash at the end if it cannot be a file
  };

  Mounts() = default;
  /// If two have the same prefix, the first one counts.
  explicit Mounts(std::vector<Mount> mounts);

  /// The mount with the longest prefix of `path`, in whole segments: "/static" has "/static" and
  /// "/static/x", but not "/statics". `path` is the request's, percent-decoded. std::nullopt if
  /// there is none.
  std::optional<Place> find(std::string_view path) const;

 private:
  std::vector<Mount> mounts_;  ///< the longest prefix first; none ends in a slash
};

}  // namespace appd::files

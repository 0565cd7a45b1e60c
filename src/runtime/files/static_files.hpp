// Answers requests for static files.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/files/file_answer.hpp"
#include "runtime/files/file_request.hpp"
#include "runtime/files/media_types.hpp"
#include "runtime/files/mounts.hpp"

namespace appd::files {

struct StaticOptions {
  std::uint32_t max_age = 0;   ///< Cache-Control in seconds, for names without a hash; 0 omits it
  bool precompressed = false;  ///< look for compressed files beside those that shrink
  bool hashed_names = true;    ///< let caches keep files with a hash in their name for a year
};

/// The static files of a site: decides on the response to each request. Opens files, but reads and
/// sends none. Any thread may use it.
class StaticFiles {
 public:
  StaticFiles(std::vector<Mount> mounts, MediaTypes types, StaticOptions options)
      : mounts_(std::move(mounts)), types_(std::move(types)), options_(options) {}

  /// `path` is the request's, percent-decoded, without the query. std::nullopt if no mount has it:
  /// then it is the application's. Otherwise every request has its answer: 405 for other methods
  /// than GET and HEAD; 404, 403, 500 or 503 for what FileRoot does not open.
  std::optional<FileAnswer> answer(std::string_view path, const FileRequest& request) const;

 private:
  struct Variant {
    OpenFile file;
    std::optional<ContentCoding> coding;
  };
  FileAnswer send(const Mounts::Place& place, OpenFile original, const FileRequest& request) const;
  std::string cache_control(std::string_view file) const;

  /// The compressed file beside `original` that the client likes best, or `original`. One that is
  /// older than the file is of a former content, so it does not count. Whole seconds are compared,
  /// as archives keep no more.
  static Variant choose_variant(const Mounts::Place& place, OpenFile original,
                                std::string_view accept_encoding);

  Mounts mounts_;
  MediaTypes types_;
  StaticOptions options_;
};

}  // namespace appd::files

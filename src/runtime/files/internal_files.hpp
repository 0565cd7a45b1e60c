// Files that the application leaves to the server.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/files/file_answer.hpp"
#include "runtime/files/file_request.hpp"
#include "runtime/files/static_files.hpp"

namespace appd::files {

/// A folder whose files no client can ask for, but the application can send.
struct InternalFolder {
  std::string prefix;  ///< of its files in X-Accel-Redirect
  std::string path;    ///< absolute; of its files in X-Sendfile
};

/// What goes out in place of the application's response.
struct InternalAnswer {
  FileAnswer answer;
  std::string problem;  ///< for the log, if it is not the file; otherwise ""
};

/// Finds the file that a response names in the field X-Accel-Redirect, as nginx takes it, or
/// X-Sendfile, as other servers do. Any thread may use it.
class InternalFiles {
 public:
  /// Throws std::system_error if there is no such folder.
  explicit InternalFiles(const std::vector<InternalFolder>& folders);

  /// `fields` are the application's, each "Name: value\r\n". std::nullopt if they name no file. Of
  /// the application's fields all stay but those that say what the file says better: its length,
  /// its validators and its ranges.
  std::optional<InternalAnswer> answer(std::string_view fields, FileRequest request) const;

 private:
  StaticFiles by_prefix_;
  StaticFiles by_path_;
};

}  // namespace appd::files

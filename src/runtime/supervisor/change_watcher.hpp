// Notices changed files in folders, for a server that one developer uses.
#pragma once

#include <sys/inotify.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "runtime/supervisor/watched_names.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::supervisor {

/// Tells once when files have changed, as soon as no more change for a moment: an editor or git
/// makes many changes at once. Watches folders, since editors replace files. Single-threaded.
///
/// Workers add the folders of what they have imported through a pipe, a line for each thing:
///
///     folder /srv/shared       the files in it that count
///     tree /srv/templates      all files below it
///     busy 4711                process 4711 is in a debugger: a reload has to wait
///     free 4711                it no longer is
class ChangeWatcher {
 public:
  static constexpr std::chrono::milliseconds kQuiet{30};     ///< after the last change
  static constexpr std::chrono::milliseconds kLongest{500};  ///< after the first one
  static constexpr std::size_t kMostFolders = 10'000;

  /// Throws std::system_error.
  ChangeWatcher();

  /// Watches the folder and all below it, those that are made later, too. A folder that cannot be
  /// watched is left out (see `failure`).
  void watch_tree(const std::string& folder, Counts counts);
  /// Watches the folder alone.
  void watch_folder(const std::string& folder);

  /// To be polled for reading.
  int fd() const noexcept { return events_.get(); }
  /// Reads what has happened. Whether there are changes that nobody has been told of, and they are
  /// complete.
  bool look();
  /// The last of the changed files, told once; "" if none has changed since.
  std::string take_changed() { return std::exchange(changed_, {}); }
  /// Why some folder is not watched, told once; "" if all are.
  std::string take_failure() { return std::exchange(failure_, {}); }

  /// Where workers write.
  int pipe() const noexcept { return pipe_in_.get(); }

 private:
  struct Folder {
    std::string path;
    Counts counts = Counts::code;
    bool tree = false;
  };

  void add(const Folder& folder, unsigned depth);
  void add_children(const Folder& folder, unsigned depth);
  bool know(int watch, const Folder& folder);
  void read_changes();
  void take_change(const inotify_event& event, const std::string& name);
  void look_again();
  void take_new_folder(const Folder& parent, const std::string& name);
  bool counts(const Folder& folder, const inotify_event& event, const std::string& name) const;
  void note(const std::string& path);
  void read_pipe();
  void take_line(const std::string& line);
  bool is_held() const noexcept;

  support::UniqueFd inotify_;
  support::UniqueFd timer_;  ///< runs out when the changes are complete
  support::UniqueFd pipe_out_;
  support::UniqueFd pipe_in_;
  support::UniqueFd events_;                                    ///< an epoll of the former
  std::map<int, Folder> folders_;                               ///< by their watch
  std::optional<std::chrono::steady_clock::time_point> first_;  ///< change not told of
  bool complete_ = false;
  std::string changed_;
  std::string failure_;
  std::string line_;  ///< of the pipe, as far as it has come
  int busy_ = 0;      ///< the process that a reload waits for
};

}  // namespace appd::supervisor

// The events of the log: the stable name and the level of each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace appd::gateway {

enum class Level { debug, info, warning, error };

/// The event that a line of the log reports. Texts may improve, but names may not change: tests and
/// alerts rely on them. Each is explained in docs/events.md.
enum class LogEvent : std::uint8_t {
  // The server as a whole
  server_ready,
  server_stopping,
  server_stopping_now,
  server_stopped,
  server_start_failed,
  server_crash_limit,
  server_call_failed,
  config_warning,
  config_needs_restart,
  socket_failed,
  socket_in_use,
  socket_exposed,
  socket_unused,
  socket_allow_unused,
  signal_ignored,
  signal_window,
  control_no_descriptor,
  // Reload, upgrade, logs
  reload_started,
  reload_finished,
  reload_refused,
  upgrade_started,
  upgrade_taken_over,
  upgrade_refused,
  log_reopened,
  log_not_reopened,
  log_dropped,
  // Workers, and the zygote
  worker_started,
  worker_prepared,
  worker_ready,
  worker_accepting,
  worker_draining,
  worker_stopped,
  worker_asked_to_end,
  worker_exited,
  worker_died,
  worker_killed,
  worker_unresponsive,
  worker_stuck,
  worker_backoff,
  worker_recycled,
  worker_start_failed,
  worker_start_failed_again,
  worker_not_forked,
  worker_failed,
  worker_out_of_memory,
  worker_sent_descriptors,
  worker_impostor,
  zygote_ready,
  scaling_up,
  scaling_down,
  // The import and the check of an application
  check_failed,
  import_signals,
  import_closed_descriptors,
  preload_noticed,
  preload_forced,
  preload_refused,
  warmup_accepted,
  // Connections
  accept_failed,
  connection_not_admitted,
  connection_unknown_protocol,
  connection_wrong_protocol,
  connection_malformed,
  connection_timeout,
  connection_not_watched,
  connection_no_memory,
  connection_lost,
  // Requests and their bodies
  request_bad,
  request_too_large,
  request_variable_repeated,
  request_aborted,
  request_slow,
  request_deadline,
  request_stuck,
  request_interrupted,
  request_not_interrupted,
  queue_full,
  queue_timeout,
  queue_long_calls,
  interpreter_held,
  body_timeout,
  body_cut,
  body_not_stored,
  body_refused,
  // The application and its responses
  application_errors,
  application_raised,
  application_silent_error,
  application_forked,
  response_invalid,
  response_bytes,
  response_excess,
  response_no_reason,
  response_large_head,
  response_large_head_again,
  response_client_gone,
  response_not_spooled,
  response_file_short,
  response_file_refused,
  response_file_read,
  static_file_failed,
  count
};
inline constexpr std::size_t kLogEvents = static_cast<std::size_t>(LogEvent::count);

struct LogEventFacts {
  LogEvent event;
  std::string_view name;
  Level level;
  /// For events that clients can cause as often as they like: what to call those that are only
  /// counted. "" if every one is logged.
  std::string_view others{};

  constexpr bool limited() const noexcept { return !others.empty(); }
};

/// Any thread.
const LogEventFacts& facts(LogEvent event) noexcept;

}  // namespace appd::gateway

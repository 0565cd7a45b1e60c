// The table of the log's events.
#include "runtime/gateway/log_event.hpp"

namespace appd::gateway {
namespace {

using enum Level;
using E = LogEvent;

constexpr std::array<LogEventFacts, kLogEvents> kTable{{
    {E::server_ready, "server.ready", info},
    {E::server_stopping, "server.stopping", info},
    {E::server_stopping_now, "server.stopping_now", warning},
    {E::server_stopped, "server.stopped", info},
    {E::server_start_failed, "server.start_failed", error},
    {E::server_crash_limit, "server.crash_limit", error},
    {E::server_call_failed, "server.call_failed", error, "system calls of the master that failed"},
    {E::config_warning, "config.warning", warning},
    {E::config_needs_restart, "config.needs_restart", warning},
    {E::socket_failed, "socket.failed", error},
    {E::socket_in_use, "socket.in_use", error},
    {E::socket_exposed, "socket.exposed", warning},
    {E::socket_unused, "socket.unused", warning},
    {E::socket_allow_unused, "socket.allow_unused", warning},
    {E::signal_ignored, "signal.ignored", warning},
    {E::signal_window, "signal.window", debug},
    {E::control_no_descriptor, "control.no_descriptor", error},

    {E::reload_started, "reload.started", info},
    {E::reload_finished, "reload.finished", info},
    {E::reload_refused, "reload.refused", error},
    {E::upgrade_started, "upgrade.started", info},
    {E::upgrade_taken_over, "upgrade.taken_over", info},
    {E::upgrade_refused, "upgrade.refused", error},
    {E::log_reopened, "log.reopened", info},
    {E::log_not_reopened, "log.not_reopened", error},
    {E::log_dropped, "log.dropped", warning},

    {E::worker_started, "worker.started", debug},
    {E::worker_prepared, "worker.prepared", debug},
    {E::worker_ready, "worker.ready", info},
    {E::worker_accepting, "worker.accepting", debug},
    {E::worker_draining, "worker.draining", debug},
    {E::worker_stopped, "worker.stopped", debug},
    {E::worker_asked_to_end, "worker.asked_to_end", info},
    {E::worker_exited, "worker.exited", warning},
    {E::worker_died, "worker.died", error},
    {E::worker_killed, "worker.killed", warning},
    {E::worker_unresponsive, "worker.unresponsive", error},
    {E::worker_stuck, "worker.stuck", warning},
    {E::worker_backoff, "worker.backoff", warning},
    {E::worker_recycled, "worker.recycled", info},
    {E::worker_start_failed, "worker.start_failed", error},
    {E::worker_start_failed_again, "worker.start_failed_again", debug},
    {E::worker_not_forked, "worker.not_forked", error},
    {E::worker_failed, "worker.failed", error},
    {E::worker_out_of_memory, "worker.out_of_memory", error},
    {E::worker_sent_descriptors, "worker.sent_descriptors", error},
    {E::worker_impostor, "worker.impostor", error},
    {E::zygote_ready, "zygote.ready", debug},
    {E::scaling_up, "scaling.up", info},
    {E::scaling_down, "scaling.down", info},

    {E::check_failed, "check.failed", error},
    {E::import_signals, "import.signals", warning},
    {E::import_closed_descriptors, "import.closed_descriptors", error},
    {E::preload_noticed, "preload.noticed", info},
    {E::preload_forced, "preload.forced", warning},
    {E::preload_refused, "preload.refused", error},
    {E::warmup_accepted, "warmup.accepted", warning},

    {E::accept_failed, "accept.failed", error, "connections that could not be accepted"},
    {E::connection_not_admitted, "connection.not_admitted", warning,
     "connections that were not admitted"},
    {E::connection_unknown_protocol, "connection.unknown_protocol", warning,
     "connections closed for what they sent"},
    {E::connection_wrong_protocol, "connection.wrong_protocol", warning,
     "HTTP or TLS connections refused with 400"},
    {E::connection_malformed, "connection.malformed", warning,
     "connections closed for what they sent"},
    {E::connection_timeout, "connection.timeout", warning, "connections closed after a time-out"},
    {E::connection_not_watched, "connection.not_watched", error,
     "connections that the kernel cannot watch"},
    {E::connection_no_memory, "connection.no_memory", error,
     "operations that the kernel refused for lack of memory"},
    {E::connection_lost, "connection.lost", debug},

    {E::request_bad, "request.bad", warning, "requests answered with 400 or 501"},
    {E::request_too_large, "request.too_large", warning, "requests answered with 413 or 431"},
    {E::request_variable_repeated, "request.variable_repeated", warning},
    {E::request_aborted, "request.aborted", debug},
    {E::request_slow, "request.slow", warning},
    {E::request_deadline, "request.deadline", error},
    {E::request_stuck, "request.stuck", error},
    {E::request_interrupted, "request.interrupted", debug},
    {E::request_not_interrupted, "request.not_interrupted", error},
    {E::queue_full, "queue.full", warning, "requests refused with 503 for lack of room"},
    {E::queue_timeout, "queue.timeout", warning,
     "requests refused with 503 after waiting for a thread"},
    {E::queue_long_calls, "queue.long_calls", warning},
    {E::interpreter_held, "interpreter.held", warning},
    {E::body_timeout, "body.timeout", warning,
     "requests refused with 408, or bodies that did not arrive"},
    {E::body_cut, "body.cut", warning, "bodies cut by the front"},
    {E::body_not_stored, "body.not_stored", error, "bodies that could not be stored"},
    {E::body_refused, "body.refused", warning, "requests refused for bodies that cannot be stored"},

    {E::application_errors, "application.errors", warning},
    {E::application_raised, "application.raised", error},
    {E::application_silent_error, "application.silent_error", warning,
     "errors that the application has not explained"},
    {E::application_forked, "application.forked", error},
    {E::response_invalid, "response.invalid", error},
    {E::response_bytes, "response.bytes", warning},
    {E::response_excess, "response.excess", warning},
    {E::response_no_reason, "response.no_reason", warning},
    {E::response_large_head, "response.large_head", warning},
    {E::response_large_head_again, "response.large_head_again", debug},
    {E::response_client_gone, "response.client_gone", debug},
    {E::response_not_spooled, "response.not_spooled", error,
     "responses that could not be stored for slow readers"},
    {E::response_file_short, "response.file_short", error},
    {E::response_file_refused, "response.file_refused", error,
     "files that the application named and that were not sent"},
    {E::response_file_read, "response.file_read", warning, "files read instead of sent"},
    {E::static_file_failed, "static.file_failed", error, "static files that could not be opened"},
}};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].event) != i) return false;
  }
  return true;
}
static_assert(is_in_order(), "a row of the table is missing or in the wrong place");

}  // namespace

const LogEventFacts& facts(LogEvent event) noexcept {
  return kTable[static_cast<std::size_t>(event)];
}

}  // namespace appd::gateway

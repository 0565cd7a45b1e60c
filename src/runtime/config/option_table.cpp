#include "runtime/config/option_table.hpp"

#include <algorithm>

#include "runtime/config/value_formats.hpp"

namespace appd::config {
namespace {

// What the table's rows have in common: texts.
struct Words {
  std::string_view name;
  std::string_view argument;
  std::string_view fallback;
  std::string_view help;
};

constexpr Option describe(Group group, const Words& words) {
  return {.group = group,
          .name = words.name,
          .argument = words.argument,
          .fallback = words.fallback,
          .help = words.help};
}

template <auto Member, typename Format>
Option single(Group group, const Words& words) {
  Option option = describe(group, words);
  option.assign = [](Settings& settings, std::string_view text) {
    settings.*Member = Format::parse(text);
  };
  option.show = [](const Settings& settings) {
    std::vector<std::string> texts{Format::show(settings.*Member)};
    if (texts.front().empty()) texts.clear();
    return texts;
  };
  return option;
}

template <auto Member, typename Format>
Option list(Group group, const Words& words) {
  Option option = describe(group, words);
  option.repeatable = true;
  option.assign = [](Settings& settings, std::string_view text) {
    (settings.*Member).push_back(Format::parse(text));
  };
  option.show = [](const Settings& settings) {
    std::vector<std::string> texts;
    for (const auto& value : settings.*Member) texts.push_back(Format::show(value));
    return texts;
  };
  option.clear = [](Settings& settings) { (settings.*Member).clear(); };
  return option;
}

template <auto Member>
Option flag(Group group, std::string_view name, std::string_view help,
            std::string_view unless_given = "false") {
  return single<Member, Flag>(group, {name, "", unless_given, help});
}

Option required(Option option) {
  option.required = true;
  return option;
}

Option action(std::string_view name, std::string_view argument, std::string_view help) {
  return describe(Group::actions, {name, argument, "", help});
}

using S = Settings;

std::vector<Option> make_table() {
  using enum Group;
  return {
      required(list<&S::sockets, Text>(
          sockets, {"socket", "ADDRESS", "",
                    "Where to listen: a path, unix:/path, host:port, [v6]:port, @abstract, systemd "
                    "or systemd:NAME. May be given several times."})),
      single<&S::socket_mode, FileMode>(
          sockets,
          {"socket-mode", "MODE", "0660", "Permission bits of Unix socket files, in octal."}),
      single<&S::socket_owner, Text>(
          sockets, {"socket-owner", "USER", "", "Owner of Unix socket files; default: unchanged."}),
      single<&S::socket_group, Text>(
          sockets, {"socket-group", "GROUP", "",
                    "Group of Unix socket files, such as that of the front server; default: "
                    "unchanged."}),
      list<&S::allow, Network>(
          sockets,
          {"allow", "ADDRESS", "",
           "Address or network, such as 192.0.2.7 or 10.0.0.0/8, that may connect to TCP sockets; "
           "all others, this machine's too, are refused. May be given several times; default: "
           "those of $FCGI_WEB_SERVER_ADDRS, or anyone."}),
      list<&S::allow_users, Text>(
          sockets,
          {"allow-user", "USER", "",
           "User, by name or number, that may connect to Unix sockets beside root; all others are "
           "refused. May be given several times; default: whom the socket file's permissions "
           "let."}),
      single<&S::protocol, Protocol>(
          sockets, {"protocol", "NAME", "auto",
                    "What the sockets speak: fastcgi, uwsgi or scgi; auto tells them apart by the "
                    "first bytes of each connection."}),

      required(single<&S::module, Text>(
          application,
          {"module", "APP", "",
           "The WSGI application: module:callable, module:attr.attr, module:factory(), a module "
           "with application or app in it, or a .py or .wsgi file."})),
      single<&S::chdir, Text>(
          application,
          {"chdir", "DIR", "",
           "Directory to work in; it is also the first that is searched for modules."}),
      list<&S::pythonpath, Text>(application,
                                 {"pythonpath", "DIR", "",
                                  "Directory to search for modules. May be given several times."}),
      single<&S::virtualenv, Text>(
          application, {"virtualenv", "DIR", "", "Virtual environment with the packages to use."}),
      list<&S::env, Assignment>(
          application, {"env", "NAME=VALUE", "",
                        "Environment variable for the application. May be given several times."}),
      list<&S::env_files, Text>(
          application,
          {"env-file", "FILE", "",
           "File with environment variables for the application, NAME=VALUE in each line; those of "
           "--env win. May be given several times."}),
      single<&S::mount, Prefix>(
          application,
          {"mount", "/PREFIX", "",
           "Path below which the application lives: becomes SCRIPT_NAME of the requests "
           "that have it."}),
      flag<&S::trust_script_name>(application, "trust-script-name",
                                  "Take SCRIPT_NAME and PATH_INFO as the front sends them."),
      flag<&S::trust_forwarded_proto>(
          application, "trust-forwarded-proto",
          "Let X-Forwarded-Proto decide between http and https. Only behind a front that sets or "
          "removes that header."),
      flag<&S::trust_uwsgi_scheme>(application, "trust-uwsgi-scheme",
                                   "Let the variable UWSGI_SCHEME decide between http and https."),
      flag<&S::drop_remote_user>(
          application, "drop-remote-user",
          "Hide REMOTE_USER and AUTH_TYPE from the application. For fronts that fill them in "
          "without having checked a password."),

      single<&S::workers, Workers>(
          processes,
          {"workers", "N", "auto",
           "Worker processes: a number, or MIN..MAX for as many as are needed; auto: as many as "
           "there are CPUs to run on."}),
      single<&S::threads, Count<1, 1024>>(processes,
                                          {"threads", "N", "4", "Threads in each worker."}),
      single<&S::queue, Count<0, 1'000'000>>(
          processes,
          {"queue", "N", "512", "Requests that may wait in one worker; those beyond get a 503."}),
      single<&S::scale_up_wait, SomeDuration>(
          processes, {"scale-up-wait", "TIME", "20ms",
                      "Start another worker, up to MAX, when requests wait longer than this for a "
                      "thread."}),
      single<&S::scale_down_idle, SomeDuration>(
          processes, {"scale-down-idle", "TIME", "60s",
                      "End a worker, down to MIN, when one fewer would have been enough for this "
                      "time."}),
      single<&S::preload, PreloadMode>(
          processes,
          {"preload", "", "false",
           "Import the application once, and fork the workers from there: they share its memory. "
           "Refused when the import leaves threads or sockets behind; --preload=force: not even "
           "then."}),
      single<&S::graceful_timeout, Duration>(
          processes, {"graceful-timeout", "TIME", "30s",
                      "How long running requests may take to end when appd is told to stop."}),
      single<&S::exit_timeout, Duration>(
          processes,
          {"exit-timeout", "TIME", "10s",
           "How long a worker may take to exit when its requests are done: exit handlers, and "
           "threads that the application has started. Then it is ended, and the log says what it "
           "waited for. 0: as long as it takes."}),
      single<&S::start_timeout, Duration>(
          processes, {"start-timeout", "TIME", "5m",
                      "How long a process may take to become ready, --warmup included; then it is "
                      "ended and the log has its Python stack. 0: as long as it takes."}),
      list<&S::warmups, WarmUpTarget>(
          processes,
          {"warmup", "TARGET", "",
           "Path that a worker answers, with a 2xx status, before it serves; otherwise its "
           "start has failed. A URL gives scheme and host too: https://example.org/health. May be "
           "given several times."}),
      single<&S::warmup_accept, Statuses>(
          processes, {"warmup-accept", "STATUSES", "",
                      "Statuses, such as 301,404 or 3xx, that pass as a response to --warmup too; "
                      "each is warned of."}),
      single<&S::reload_strategy, Strategy>(
          processes,
          {"reload-strategy", "HOW", "overlap",
           "How new workers take the place of the present ones: overlap: all at once, so that both "
           "are in memory for a moment; rolling: one by one."}),
      single<&S::max_requests, Number>(
          processes, {"max-requests", "N", "0",
                      "Replace a worker that has answered so many requests; 0: never."}),
      single<&S::max_requests_jitter, Number>(
          processes, {"max-requests-jitter", "N", "0",
                      "Give each worker up to so many requests more, by chance, so that they are "
                      "not replaced at the same time."}),
      single<&S::max_lifetime, Duration>(
          processes,
          {"max-lifetime", "TIME", "0s",
           "Replace a worker after this time and up to a tenth of it more, by chance; 0: "
           "never."}),
      single<&S::max_memory, Size>(
          processes,
          {"max-memory", "SIZE", "0",
           "Replace a worker that uses more memory than this, counting what it shares in "
           "proportion; 0: never."}),
      single<&S::heartbeat, Duration>(
          processes,
          {"heartbeat", "TIME", "15s",
           "Kill and replace a worker that gives no sign of life for so long; 0: never."}),
      single<&S::max_crashes, CrashesWithin>(
          processes, {"max-crashes", "N/TIME", "",
                      "Stop, with exit code 5, when more than N processes have died unasked within "
                      "TIME, such as 5/60s; default: replace them with growing pauses for as long "
                      "as it takes."}),
      single<&S::user, Text>(
          processes, {"user", "USER", "",
                      "User that the workers run as, by name or number, when root starts appd; the "
                      "master stays root. Default: who starts appd."}),
      single<&S::group, Text>(
          processes, {"group", "GROUP", "", "Group of the workers; default: that of --user."}),
      flag<&S::no_new_privs>(
          processes, "no-new-privs",
          "No program that a worker executes has more rights than the worker; on by default. With "
          "--no-new-privs=no setuid programs such as sudo or postfix's sendmail work again.",
          "true"),
      single<&S::umask, FileMask>(
          processes, {"umask", "MASK", "",
                      "Permission bits that new files do not get, in octal, such as 0027; default: "
                      "unchanged."}),
      single<&S::pidfile, Text>(
          processes, {"pidfile", "FILE", "",
                      "File for the process id of the master, locked while that runs: a second "
                      "start with the same file is refused."}),
      single<&S::control, Text>(
          processes, {"control", "PATH", "",
                      "Unix socket for appd reload, upgrade, stop and status. Default: beside the "
                      "pid file, with .control at its end, or $RUNTIME_DIRECTORY/appd.control."}),
      single<&S::touch_reload, Text>(
          processes, {"touch-reload", "FILE", "", "Reload when this file is touched or replaced."}),

      single<&S::max_connections, Number>(
          limits, {"max-connections", "N", "0",
                   "Most connections of one worker at once; above, the one that has been idle the "
                   "longest is closed, or new ones wait. 0: as many as its limit of open files "
                   "lets, less a quarter (1024 at most) for the application."}),
      single<&S::max_params, SomeSize>(
          limits,
          {"max-params", "SIZE", "256K",
           "Most that the variables of one request (so its headers) may need; above: 431."}),
      single<&S::max_body, Size>(
          limits, {"max-body", "SIZE", "1G",
                   "Largest request body; above: 413. 0: no limit but the front's."}),
      single<&S::body_buffer, SomeSize>(
          limits,
          {"body-buffer", "SIZE", "1M", "How much of a request body is read ahead in memory."}),
      single<&S::spool_dir, Text>(
          limits, {"spool-dir", "DIR", "",
                   "Where bodies are kept that must be complete before the application runs and do "
                   "not fit in memory, and responses that slow readers leave; default: $TMPDIR, or "
                   "/var/tmp, "
                   "which is seldom held in memory."}),
      single<&S::spool_limit, Size>(
          limits, {"spool-limit", "SIZE", "4G",
                   "How much what is kept there may take together, in all workers; a request "
                   "for which there is no room gets a 503. 0: no limit but the disk's."}),
      flag<&S::spool_bodies>(limits, "spool-bodies",
                             "Start the application only when the whole request body is there."),
      single<&S::header_timeout, SomeDuration>(
          limits, {"header-timeout", "TIME", "15s",
                   "How long the front may take to send the variables of a request it has begun."}),
      single<&S::body_timeout, SomeDuration>(
          limits, {"body-timeout", "TIME", "75s",
                   "How long the front may send nothing of a request body."}),
      single<&S::write_timeout, SomeDuration>(
          limits,
          {"write-timeout", "TIME", "75s", "How long the front may take nothing of a response."}),

      single<&S::queue_timeout, Duration>(
          deadlines, {"queue-timeout", "TIME", "30s",
                      "How long a request may wait for a thread; then it gets a 503 and is never "
                      "started. 0: as long as it takes."}),
      single<&S::slow_request, Duration>(
          deadlines,
          {"slow-request", "TIME", "5s",
           "A request that makes no progress for so long is logged with the Python stack of its "
           "thread, once. Not above --request-timeout; with one of 5s or less the default is half "
           "of it. 0: never."}),
      single<&S::request_timeout, Duration>(deadlines,
                                            {"request-timeout", "TIME", "55s",
                                             "How long a request may go without progress: until "
                                             "its head is out, then between blocks. "
                                             "After that appd.RequestTimeout is raised in its "
                                             "thread, and the client gets a 504. 0: as "
                                             "long as it takes."}),
      single<&S::timeout_grace, Duration>(
          deadlines,
          {"timeout-grace", "TIME", "5s",
           "How long such a thread may take to end the request, before the client gets its 504 all "
           "the same and the worker is replaced. 0: as long as it takes."}),

      single<&S::log_level, LogLevel>(
          logs, {"log-level", "LEVEL", "info",
                 "The least that is logged to stderr: debug, info, warning or error."}),
      single<&S::access_log, Text>(
          logs,
          {"access-log", "FILE", "", "Log each request to this file; - is stdout; default: off."}),
      single<&S::access_log_format, Text>(
          logs,
          {"access-log-format", "FORMAT", "",
           "A line of the access log, with {placeholders}; default: the combined format, then "
           "time in the queue and in the application."}),
      flag<&S::fastcgi_stderr>(
          logs, "fastcgi-stderr",
          "Send what the application writes to wsgi.errors to the front too (FastCGI only; crashes "
          "HAProxy 2.6)."),

      action(
          "config", "FILE",
          "Read options from the section [appd] of this file: the same names, without dashes. The "
          "command line wins. ${NAME} in a value is that variable of the environment."),
      action(
          "check", "",
          "Validate the configuration, import the application, have it answer --warmup, and exit."),
      action("print-config", "",
             "Print the effective configuration and where each value came from, and exit."),
      action("help", "", "Print this help, and exit."),
      action("version", "", "Print the versions of appd, Python and Boost, and exit."),
  };
}

}  // namespace

std::span<const Option> option_table() {
  static const std::vector<Option> table = make_table();
  return table;
}

const Option* find_option(std::string_view name) {
  const auto table = option_table();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Option& option) { return option.name == name; });
  return found == table.end() ? nullptr : &*found;
}

std::string_view title(Group group) noexcept {
  switch (group) {
    case Group::sockets:
      return "Sockets";
    case Group::application:
      return "Application";
    case Group::processes:
      return "Processes";
    case Group::limits:
      return "Limits";
    case Group::deadlines:
      return "Deadlines";
    case Group::logs:
      return "Logs";
    case Group::actions:
      return "Configuration and information";
  }
  return "";
}

}  // namespace appd::config

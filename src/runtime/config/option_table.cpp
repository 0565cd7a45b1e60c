// All options: name, argument, default, help, and the setting that each fills.

#include "runtime/config/option_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/config/value_formats.hpp"

namespace appd::config {
namespace {

// The texts that every row of the table has.
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

template <typename Format>
constexpr std::span<const std::string_view> words_of() {
  if constexpr (requires { Format::kWords; }) return Format::kWords;
  return {};
}

template <auto Member, typename Format>
Option single(Group group, const Words& words) {
  Option option = describe(group, words);
  option.words = words_of<Format>();
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

Option finds_master(Option option) {
  option.finds_master = true;
  return option;
}

Option action(std::string_view name, std::string_view argument, std::string_view help) {
  return describe(Group::actions, {name, argument, "", help});
}

using S = Settings;

std::vector<Option> make_table() {
  using enum Group;
  return {
      list<&S::sockets, Text>(
          sockets, {"socket", "ADDRESS", "",
                    "Address to listen on: a path, unix:/path, host:port, [v6]:port, @abstract, "
                    "systemd or systemd:NAME. May be given several times."}),
      list<&S::http, Text>(
          sockets, {"http", "ADDRESS", "",
                    "Address to listen on for HTTP clients, in the place of a front or beside it. "
                    "Written as for --socket. May be given several times."}),
      single<&S::socket_mode, FileMode>(
          sockets,
          {"socket-mode", "MODE", "0660", "Permission bits of Unix socket files, in octal."}),
      single<&S::socket_owner, Text>(
          sockets, {"socket-owner", "USER", "",
                    "Owner of Unix socket files. Default: the user that the workers run as."}),
      single<&S::socket_group, Text>(sockets,
                                     {"socket-group", "GROUP", "",
                                      "Group of Unix socket files, such as that of the front "
                                      "server. Default: the group that the workers run as."}),
      list<&S::allow, Network>(
          sockets, {"allow", "NETWORK", "",
                    "IP address or network, such as 192.0.2.7 or 10.0.0.0/8, that may connect to "
                    "TCP sockets. All others are refused, even this machine. May be given several "
                    "times. Default: the addresses in $FCGI_WEB_SERVER_ADDRS, or everyone."}),
      list<&S::allow_users, Text>(
          sockets, {"allow-user", "USER", "",
                    "User, by name or number, that may connect to Unix sockets in addition to "
                    "root. All others are refused. May be given several times. Default: all users "
                    "with permission on the socket file."}),
      single<&S::protocol, Protocol>(sockets,
                                     {"protocol", "NAME", "auto",
                                      "Protocol of the --socket sockets: fastcgi, uwsgi, scgi or "
                                      "http. auto recognises the first three by the first bytes "
                                      "of each connection."}),
      list<&S::trust_proxy, Proxy>(
          sockets,
          {"trust-proxy", "NETWORK", "",
           "Address or network of a proxy in front of --http whose X-Forwarded-For, -Proto "
           "and -Host are believed, or unix for whoever connects to a Unix socket. May be "
           "given several times. Default: nobody."}),
      single<&S::proxy_headers, ProxyFields>(
          sockets, {"proxy-headers", "NAME", "x-forwarded",
                    "Headers in which these proxies tell of the client: x-forwarded, or forwarded "
                    "(RFC 7239)."}),
      flag<&S::proxy_protocol>(sockets, "proxy-protocol",
                               "Each connection of the HTTP sockets begins with the header of the "
                               "PROXY protocol, version 1 or 2, which tells the client's address. "
                               "Limit with --allow who may connect."),

      required(single<&S::module, Text>(
          application,
          {"module", "APP", "",
           "The WSGI application: module:callable, module:attr.attr, module:factory(), a module "
           "that contains application or app, or a .py or .wsgi file."})),
      single<&S::chdir, Text>(
          application,
          {"chdir", "DIR", "", "Directory to work in. Modules are searched there first."}),
      list<&S::pythonpath, Text>(application,
                                 {"pythonpath", "DIR", "",
                                  "Directory to search for modules. May be given several times."}),
      single<&S::virtualenv, Text>(
          application, {"virtualenv", "DIR", "",
                        "Virtual environment of the application. Its Python runs the workers."}),
      single<&S::python, Text>(application,
                               {"python", "FILE", "",
                                "Python interpreter that runs the workers, such as "
                                "/usr/bin/python3.13. Default: that of "
                                "--virtualenv, or the one that appd was installed for."}),
      list<&S::env, Assignment>(
          application, {"env", "NAME=VALUE", "",
                        "Environment variable for the application. May be given several times."}),
      list<&S::env_files, Text>(
          application, {"env-file", "FILE", "",
                        "File with environment variables for the application, one NAME=VALUE per "
                        "line. --env wins over it. May be given several times."}),
      list<&S::static_files, FolderAt>(
          application, {"static", "/PREFIX=DIR", "",
                        "Answer GET and HEAD below this path with the files of the folder, without "
                        "the application. May be given several times; the longest prefix counts."}),
      single<&S::static_index, FileName>(
          application, {"static-index", "NAME", "",
                        "File that answers a path of --static that ends in a slash, such as "
                        "index.html. Default: none."}),
      single<&S::static_max_age, WholeSeconds>(
          application, {"static-max-age", "TIME", "0",
                        "How long browsers may keep static files. Those with a hash in their name "
                        "are kept for ever. 0 says nothing."}),
      list<&S::internal_files, FolderAt>(
          application,
          {"internal-files", "/PREFIX=DIR", "",
           "Folder whose files the application can let HTTP clients have, with "
           "X-Accel-Redirect: /PREFIX/name or X-Sendfile: DIR/name in its response. May "
           "be given several times."}),
      single<&S::mount, Prefix>(
          application,
          {"mount", "/PREFIX", "",
           "URL path at which the application is mounted. Requests below it get this path as "
           "SCRIPT_NAME."}),
      flag<&S::trust_script_name>(application, "trust-script-name",
                                  "Take SCRIPT_NAME and PATH_INFO as the front sends them."),
      flag<&S::trust_forwarded_proto>(application, "trust-forwarded-proto",
                                      "Let X-Forwarded-Proto decide between http and https. Use "
                                      "this only behind a front that sets or removes that header."),
      flag<&S::trust_uwsgi_scheme>(application, "trust-uwsgi-scheme",
                                   "Let the variable UWSGI_SCHEME decide between http and https."),
      flag<&S::drop_remote_user>(application, "drop-remote-user",
                                 "Hide REMOTE_USER and AUTH_TYPE from the application, for fronts "
                                 "that set them without checking a password."),

      single<&S::workers, Workers>(
          processes, {"workers", "N", "auto",
                      "Number of worker processes. MIN..MAX starts and stops workers as the load "
                      "requires; MAX may be auto. auto means one for each CPU that appd may use, "
                      "by its affinity and its control group's quota, counted at each reload."}),
      single<&S::threads, Count<1, 1024>>(processes,
                                          {"threads", "N", "4", "Threads in each worker."}),
      single<&S::queue, Count<0, 1'000'000>>(
          processes, {"queue", "N", "512",
                      "Requests that may wait in one worker. Further requests get a 503."}),
      single<&S::scale_up_wait, SomeDuration>(processes,
                                              {"scale-up-wait", "TIME", "20ms",
                                               "With --workers=MIN..MAX: start another worker when "
                                               "requests wait longer than this for a thread."}),
      single<&S::scale_down_idle, SomeDuration>(processes,
                                                {"scale-down-idle", "TIME", "60s",
                                                 "With --workers=MIN..MAX: end a worker when one "
                                                 "fewer would have been enough for this long."}),
      single<&S::preload, PreloadMode>(
          processes, {"preload", "", "false",
                      "Import the application once and fork the workers from that process, so that "
                      "they share its memory. The start is refused if the import leaves threads "
                      "running or sockets open; with --preload=force appd starts anyway."}),
      single<&S::graceful_timeout, Duration>(
          processes, {"graceful-timeout", "TIME", "30s",
                      "How long running requests may take to end when appd is told to stop."}),
      single<&S::exit_timeout, Duration>(
          processes, {"exit-timeout", "TIME", "10s",
                      "How long a worker may take to exit when its requests are done, for exit "
                      "handlers and threads of the application. Then it is killed, and the log "
                      "says what it waited for. 0 disables the limit."}),
      single<&S::start_timeout, Duration>(
          processes, {"start-timeout", "TIME", "5m",
                      "How long a process may take to become ready, --warmup included. Then it is "
                      "killed, and the log shows its Python stack. 0 disables the limit."}),
      list<&S::warmups, WarmUpTarget>(
          processes, {"warmup", "TARGET", "",
                      "Path that a worker must answer with a 2xx status before it serves, or its "
                      "start fails. A URL sets scheme and host too: "
                      "https://example.org/health. May be given several times."}),
      single<&S::warmup_accept, Statuses>(processes,
                                          {"warmup-accept", "STATUSES", "",
                                           "Statuses, such as 301,404 or 3xx, that also pass as "
                                           "responses to --warmup, each with a warning."}),
      single<&S::reload_strategy, Strategy>(
          processes,
          {"reload-strategy", "HOW", "overlap",
           "How new workers replace the present ones. overlap starts all of them at once, so that "
           "old and new are in memory for a moment; rolling replaces one at a time."}),
      single<&S::max_requests, Number>(
          processes, {"max-requests", "N", "0",
                      "Replace a worker after this many requests. 0 disables this."}),
      single<&S::max_requests_jitter, Number>(
          processes, {"max-requests-jitter", "N", "0",
                      "Add up to this many requests, at random, to each worker's --max-requests, "
                      "so that workers are not replaced at the same time."}),
      single<&S::max_lifetime, Duration>(processes, {"max-lifetime", "TIME", "0s",
                                                     "Replace a worker after this time, plus up to "
                                                     "a tenth of it at random. 0 disables this."}),
      single<&S::max_memory, Size>(processes,
                                   {"max-memory", "SIZE", "0",
                                    "Replace a worker that uses more memory than this. Shared "
                                    "memory counts in proportion. 0 disables the limit."}),
      single<&S::heartbeat, Duration>(processes, {"heartbeat", "TIME", "15s",
                                                  "Kill and replace a worker that gives no sign of "
                                                  "life for this long. 0 disables the check."}),
      single<&S::max_crashes, CrashesWithin>(
          processes,
          {"max-crashes", "N/TIME", "",
           "Stop with exit code 5 when more than N processes have died unexpectedly within TIME, "
           "for example 5/60s. Default: keep replacing them, with growing pauses."}),
      single<&S::user, Text>(processes,
                             {"user", "USER", "",
                              "User that the workers run as, by name or number, when root starts "
                              "appd. The master stays root. Default: the user who starts appd."}),
      single<&S::group, Text>(
          processes,
          {"group", "GROUP", "", "Group that the workers run as. Default: the group of --user."}),
      flag<&S::no_new_privs>(
          processes, "no-new-privs",
          "Keep programs that a worker executes from getting more rights than the worker. On by "
          "default. Setuid programs, such as sudo or postfix's sendmail, need --no-new-privs=no.",
          "true"),
      single<&S::umask, FileMask>(processes, {"umask", "MASK", "",
                                              "Permission bits that new files do not get, in "
                                              "octal, such as 0027. Default: unchanged."}),
      finds_master(single<&S::pidfile, Text>(
          processes, {"pidfile", "FILE", "",
                      "File for the process id of the master. The master locks it: a "
                      "second start with the same file is refused."})),
      finds_master(single<&S::control, Text>(
          processes,
          {"control", "PATH", "",
           "Unix socket for appd reload, upgrade, stop and status. Default: the pid "
           "file's name with .control at its end, or $RUNTIME_DIRECTORY/appd.control."})),
      single<&S::touch_reload, Text>(
          processes, {"touch-reload", "FILE", "", "Reload when this file is touched or replaced."}),

      single<&S::max_connections, Number>(
          limits,
          {"max-connections", "N", "0",
           "Maximum number of connections of one worker. At the limit the one that has been "
           "idle the longest is closed, or new ones wait. 0 means the worker's limit of "
           "open files, less a quarter (1024 at most) for the application."}),
      single<&S::max_params, SomeSize>(limits,
                                       {"max-params", "SIZE", "256K",
                                        "Largest size of a request's variables, which include its "
                                        "headers. A larger request gets a 431."}),
      single<&S::max_body, Size>(limits, {"max-body", "SIZE", "1G",
                                          "Largest request body. A larger one gets a 413. 0 "
                                          "disables the limit; the front's remains."}),
      single<&S::body_buffer, SomeSize>(
          limits,
          {"body-buffer", "SIZE", "1M", "How much of a request body is read ahead in memory."}),
      single<&S::spool_dir, Text>(
          limits, {"spool-dir", "DIR", "",
                   "Folder for what does not fit in memory: bodies that must be complete before "
                   "the application runs, and responses that slow readers have not taken. Default: "
                   "$TMPDIR, or /var/tmp, which is seldom held in memory."}),
      single<&S::spool_limit, Size>(
          limits, {"spool-limit", "SIZE", "4G",
                   "How much all workers together may keep in the spool folder. A request for "
                   "which there is no room gets a 503. 0 disables the limit; the disk's remains."}),
      flag<&S::spool_bodies>(limits, "spool-bodies",
                             "Start the application only when the whole request body has arrived."),
      single<&S::header_timeout, SomeDuration>(
          limits,
          {"header-timeout", "TIME", "15s",
           "How long the front may take to send the variables of a request that it has begun."}),
      single<&S::body_timeout, SomeDuration>(
          limits, {"body-timeout", "TIME", "75s",
                   "How long the front may go without sending any of a request body."}),
      single<&S::keep_alive_timeout, Duration>(
          limits, {"keep-alive-timeout", "TIME", "75s",
                   "How long an HTTP client's connection stays open between requests. 0 means "
                   "without limit."}),
      single<&S::write_timeout, SomeDuration>(
          limits, {"write-timeout", "TIME", "75s",
                   "How long the front may go without taking any of a response."}),

      single<&S::queue_timeout, Duration>(deadlines,
                                          {"queue-timeout", "TIME", "30s",
                                           "How long a request may wait for a thread. Then it gets "
                                           "a 503 and is never started. 0 disables the limit."}),
      single<&S::slow_request, Duration>(
          deadlines, {"slow-request", "TIME", "5s",
                      "Log a request that makes no progress for this long, once, with the Python "
                      "stack of its thread. Must not exceed --request-timeout; if that is 5s or "
                      "less, the default is half of it. 0 disables this."}),
      single<&S::request_timeout, Duration>(
          deadlines, {"request-timeout", "TIME", "55s",
                      "How long a request may go without progress: until its response begins, then "
                      "between blocks. Then appd.RequestTimeout is raised in its thread, and the "
                      "client gets a 504. 0 disables the deadline."}),
      single<&S::timeout_grace, Duration>(
          deadlines,
          {"timeout-grace", "TIME", "5s",
           "How long the thread may take to end a request after --request-timeout. Then the client "
           "gets its 504 anyway, and the worker is replaced. 0 disables the limit."}),

      single<&S::log_level, LogLevel>(
          logs, {"log-level", "LEVEL", "info",
                 "Lowest level that is logged to stderr: debug, info, warning or error."}),
      single<&S::access_log, Text>(
          logs, {"access-log", "FILE", "",
                 "Log each request to this file; - means stdout. Default: off."}),
      single<&S::access_log_format, Text>(
          logs, {"access-log-format", "FORMAT", "",
                 "Format of a line of the access log, with {placeholders}. Default: the combined "
                 "format, then the time in the queue and in the application."}),
      flag<&S::fastcgi_stderr>(logs, "fastcgi-stderr",
                               "Also send the front what the application writes to wsgi.errors. "
                               "FastCGI only; HAProxy 2.6 crashes on it."),

      list<&S::watch, Text>(
          development, {"watch", "DIR", "",
                        "Reload when any file below this folder changes, too. For appd dev only. "
                        "May be given several times."}),
      flag<&S::open_browser>(development, "open",
                             "Open a browser when the application is ready. For appd dev only."),

      finds_master(action(
          "config", "FILE",
          "Read options from the section [appd] of this file: the same names, without dashes. "
          "The command line wins. ${NAME} in a value stands for that environment variable.")),
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
    case Group::development:
      return "Development";
    case Group::actions:
      return "Configuration and information";
  }
  return "";
}

std::string full_help(const Option& option) {
  std::string text(option.help);
  if (option.required) text += " Required.";
  if (option.takes_value() && !option.fallback.empty()) {
    text += fmt::format(" Default: {}.", option.fallback);
  }
  return text;
}

}  // namespace appd::config

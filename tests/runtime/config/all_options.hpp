// Every option with a value that is not its default (but --python, which excludes --virtualenv).
#pragma once

#include <chrono>

#include "runtime/config/settings.hpp"
#include "runtime/config/value_formats.hpp"

namespace appd::config::test {

/// One line of an ini file for each option in Settings. `all_settings` has what they make.
inline constexpr const char* kAll =
    "[appd]\nsocket = /s\nsocket = [::1]:80\nhttp = h:81\nhttp = /h\nsocket-mode = "
    "0600\nsocket-owner = o\nsocket-group = "
    "g\n"
    "allow = 10.0.0.0/8\nallow = ::1\nallow-user = www-data\nallow-user = 7\n"
    "protocol = scgi\ntrust-proxy = 10.0.0.0/8\ntrust-proxy = unix\nproxy-headers = "
    "forwarded\nproxy-protocol = yes\nmodule = m:a\nchdir = /c\npythonpath = /p\npythonpath = "
    "/q\nvirtualenv = /v\n"
    "env = A=1\nenv = B=x = y\nenv-file = /e\nenv-file = /f\nstatic = /st=/d\nstatic = /=/e=f\n"
    "static-index = i.html\nstatic-max-age = 1h\ninternal-files = /in=/i\nmount = "
    "/m\ntrust-script-name = "
    "no\ntrust-forwarded-proto = on\n"
    "trust-uwsgi-scheme = 1\ndrop-remote-user = yes\nworkers = 2..9\nscale-up-wait = "
    "50ms\nscale-down-idle = 2m\nthreads = 3\nqueue = 5\n"
    "preload = force\ngraceful-timeout = 1m\nexit-timeout = 4s\nstart-timeout = 2m\nmax-crashes = "
    "5/60\nuser = "
    "u\ngroup = gr\numask = "
    "0027\npidfile = /pid\n"
    "control = /co\ntouch-reload = /t\nwarmup = /one\nwarmup = https://a:1/two?x=1\n"
    "warmup-accept = 3xx,404\n"
    "reload-strategy = rolling\nmax-requests = 1000\nmax-requests-jitter = 10\n"
    "max-lifetime = 1h\nmax-memory = 1G\nheartbeat = 7s\n"
    "max-params = 64K\nmax-body = 2G\nbody-buffer = "
    "3M\nspool-dir = /sp\nspool-limit = 5M\n"
    "spool-bodies = true\nheader-timeout = 1500ms\nbody-timeout = 2\nwrite-timeout = "
    "3s\nkeep-alive-timeout = 9s\n"
    "queue-timeout = 9s\nslow-request = 7s\nrequest-timeout = 8s\ntimeout-grace = 6s\n"
    "log-level = debug\naccess-log = -\naccess-log-format = {method} # {uri}\nfastcgi-stderr = "
    "true\nwatch = /w1\nwatch = /w2\nopen = yes\n";

inline Settings all_settings() {
  using namespace std::chrono_literals;
  Settings s;
  s.sockets = {"/s", "[::1]:80"};
  s.http = {"h:81", "/h"};
  s.socket_mode = 0600;
  s.socket_owner = "o";
  s.socket_group = "g";
  s.allow = {Network::parse("10.0.0.0/8"), Network::parse("::1")};
  s.allow_users = {"www-data", "7"};
  s.protocol = ProtocolChoice::scgi;
  s.trust_proxy = {Network::parse("10.0.0.0/8"), std::nullopt};
  s.proxy_headers = ProxyHeaders::forwarded;
  s.proxy_protocol = true;
  s.module = "m:a";
  s.chdir = "/c";
  s.pythonpath = {"/p", "/q"};
  s.virtualenv = "/v";
  s.env = {{"A", "1"}, {"B", "x = y"}};
  s.env_files = {"/e", "/f"};
  s.static_files = {{"/st", "/d"}, {"/", "/e=f"}};
  s.static_index = "i.html";
  s.static_max_age = 1h;
  s.internal_files = {{"/in", "/i"}};
  s.mount = "/m";
  s.trust_forwarded_proto = s.trust_uwsgi_scheme = s.drop_remote_user = true;
  s.workers = {2, 9};
  s.scale_up_wait = 50ms;
  s.scale_down_idle = 120s;
  s.threads = 3;
  s.keep_alive_timeout = 9s;
  s.queue = 5;
  s.preload = Preload::force;
  s.graceful_timeout = 60s;
  s.exit_timeout = 4s;
  s.start_timeout = 120s;
  s.max_crashes = MaxCrashes{5, 60s};
  s.user = "u";
  s.group = "gr";
  s.umask = 027;
  s.pidfile = "/pid";
  s.control = "/co";
  s.touch_reload = "/t";
  s.warmups = {{.https = false, .host = "", .target = "/one"},
               {.https = true, .host = "a:1", .target = "/two?x=1"}};
  s.warmup_accept = {{300, 399}, {404, 404}};
  s.reload_strategy = ReloadStrategy::rolling;
  s.max_requests = 1000;
  s.max_requests_jitter = 10;
  s.max_lifetime = 1h;
  s.max_memory = 1ull << 30;
  s.heartbeat = 7s;
  s.max_params = 65536;
  s.max_body = 2147483648;
  s.body_buffer = 3 * 1024 * 1024;
  s.spool_dir = "/sp";
  s.spool_limit = 5 * 1024 * 1024;
  s.spool_bodies = true;
  s.header_timeout = 1500ms;
  s.body_timeout = 2s;
  s.write_timeout = 3s;
  s.queue_timeout = 9s;
  s.slow_request = 7s;
  s.request_timeout = 8s;
  s.timeout_grace = 6s;
  s.log_level = "debug";
  s.access_log = "-";
  s.access_log_format = "{method} # {uri}";
  s.fastcgi_stderr = true;
  s.watch = {"/w1", "/w2"};
  s.open_browser = true;
  return s;
}

}  // namespace appd::config::test

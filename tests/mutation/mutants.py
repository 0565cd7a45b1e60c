"""The defects: one line broken each, as a tired engineer might. `old` is there exactly once in the file."""

from dataclasses import dataclass


@dataclass
class Mutant:
    name: str    # what the defect does
    file: str
    old: str
    new: str
    tests: list  # that should notice, first the quickest: "net: a case", "e2e: test_x.py::test_y"


def removed(name, file, old, *tests) -> Mutant:
    return Mutant(name, file, old, "", list(tests))


def changed(name, file, old, new, *tests) -> Mutant:
    return Mutant(name, file, old, new, list(tests))


PROTOCOL, NET, PYTHON = "src/protocol", "src/runtime/net", "src/runtime/python"
CONFIG, WORKER, SUPERVISOR = "src/runtime/config", "src/runtime/worker", "src/runtime/supervisor"

# What no test noticed once; each has one since.
SURVIVORS = [
    changed("what was read ahead of one request is given to the next", f"{PYTHON}/input_stream.cpp",
            "  if (buffer_.empty()) return;\n  buffer_ = {};\n  position_ = 0;\n}", "}",
            "python: a request never sees what the last one on its thread has left unread"),
    changed("each byte of a head gives the front its whole time again", f"{NET}/connection.cpp",
            "if (session_.inside_head() && !was_inside) head_since_", "if (session_.inside_head() || was_inside) head_since_",
            "net: a request's head has its time as a whole, however it trickles"),
    removed("a failed reload keeps what it was to serve", "src/daemon.cpp", "  next_.reset();\n",
            "e2e: test_reload.py::test_what_a_failed_reload_was_to_serve_is_forgotten"),
    changed("an unread body stops the other requests of its connection", f"{NET}/session.cpp",
            "if (!blocked && !has_siblings()) return;", "if (!blocked) return;",
            "net: an upload that nobody reads does not stop others on its connection"),
    changed("a late answer is given to the next call of the thread", f"{WORKER}/crew.cpp",
            "return member.slot->sequence.load(std::memory_order_acquire) == sequence ? call : nullptr;",
            "return sequence != 0 ? call : nullptr;",
            "worker: a call that has ended meanwhile does not cost the next one its answer"),
    removed("the front's time runs while it is not read from", f"{NET}/connection.cpp",
            "  if (unread_since_) return first;\n", "net: no time of the front's runs while appd does not read"),
    removed("the time in which a body was not read counts afterwards", f"{NET}/connection.cpp",
            "  last_input_ += still;\n", "net: no time of the front's runs while appd does not read"),
    removed("the time in which a head was not read counts afterwards", f"{NET}/connection.cpp",
            "  head_since_ += still;\n", "net: no time of the front's runs while appd does not read"),
    changed("an answer is reset over TCP since the last one was broken off", f"{NET}/wire_exchange.cpp",
            "ended_ = refused_ = broken_off_ = false;", "ended_ = refused_ = false;",
            "net: over TCP a broken-off answer ends in a reset, and the next one in order"),
    changed("a socket with a full backlog is taken for stale", f"{NET}/listening_socket.cpp",
            " || errno == EAGAIN ||", " ||", "net: one whose backlog is full is live too"),
    changed("a warm-up that gets an error passes", f"{WORKER}/warm_up.cpp", "status <= 299", "status <= 599",
            "worker: only 2xx passes", "e2e: test_reload.py::test_warm_up_refuses_a_generation_that_cannot_answer"),
    changed("wsgi.multiprocess is made of the least number of workers", f"{WORKER}/environment.cpp",
            "settings.workers.most > 1", "settings.workers.least > 1",
            "worker_settings: Python hears what it is to run, and whether it is alone"),
    changed("--header-timeout is what --body-timeout says", f"{WORKER}/environment.cpp",
            "options.header_timeout = settings.header_timeout", "options.header_timeout = settings.body_timeout",
            "worker_settings: every setting of a server reaches its place"),
    changed("--exit-timeout is what --start-timeout says", f"{SUPERVISOR}/plan_settings.cpp",
            "plan.exit_timeout = settings.exit_timeout", "plan.exit_timeout = settings.start_timeout",
            "supervisor: every setting of a generation reaches its place"),
    removed("workers of an old binary have the built-in graceful timeout", f"{SUPERVISOR}/plan_settings.cpp",
            "  plan.graceful_timeout = settings.graceful_timeout;\n",
            "supervisor: what runs already has the times that are set now, and is not replaced",
            "e2e: test_upgrade.py::test_a_stop_gives_workers_of_the_old_binary_the_time_that_is_set"),
    changed("the umask after a reload is the start's", "src/daemon.cpp", "set_umask(deployment.settings);",
            "set_umask(settings_);",
            "e2e: test_reload.py::test_a_reload_changes_the_umask_of_the_workers_and_not_of_their_master"),
    removed("a thread that is missed after the drain holds up its worker", f"{WORKER}/worker.cpp",
            "    if (drained_.load()) leave_stuck();\n",
            "e2e: test_deadlines.py::test_a_thread_that_is_missed_only_after_the_drain_does_not_hold_up_its_worker"),
    removed("a worker that drains is given connections", f"{WORKER}/worker.cpp", "      siblings_.close();\n",
            "e2e: test_workers.py::test_a_worker_that_drains_is_given_nothing_although_it_has_time"),
    changed("who replaces a dead worker counts as replacing for ever", f"{SUPERVISOR}/generation.cpp",
            "if (other.replaces == child.index) other.replaces.reset();",
            "if (other.replaces == child.index) other.replaces = child.index;",
            "supervisor: a worker that dies before its replacement is ready is being replaced no longer"),
    changed("more than a quarter of the workers are replaced at a time", f"{SUPERVISOR}/generation.cpp",
            "std::max(wanted() / 4, 1u)", "(wanted() + 3) / 4",
            "supervisor: no more than a quarter is replaced at the same time, but one may always be"),
    changed("a lack of memory is laid to a later death", f"{SUPERVISOR}/post_mortem.cpp",
            "  const bool lack_of_memory = oom_kills_.have_risen();  // asked each time: since the last death\n"
            "  if (!WIFSIGNALED(wait_status)) return \"\";\n",
            "  if (!WIFSIGNALED(wait_status)) return \"\";\n  const bool lack_of_memory = oom_kills_.have_risen();\n",
            "supervisor: a lack of memory that came before another death is not this one's"),
    removed("a stop leaves who waits for an upgrade without an answer", f"{SUPERVISOR}/master.cpp",
            "  reload_callers_.insert(reload_callers_.end(), upgrade_callers_.begin(), upgrade_callers_.end());\n",
            "e2e: test_upgrade.py::test_a_stop_answers_who_waits_for_an_upgrade"),
    removed("a socket that is configured no longer stays open", "src/daemon.cpp",
            "    present_->sockets.clear();  // what the new one does not have is closed\n",
            "e2e: test_reload.py::test_a_socket_that_is_no_longer_configured_refuses_while_a_request_of_it_runs"),
    changed("a backslash escapes within single quotes, too", f"{CONFIG}/env_file.cpp",
            "if (c == '\\\\' && quote == '\"' && !rest_.empty())", "if (c == '\\\\' && !rest_.empty())",
            "config: values are taken as systemd takes them"),
    changed("a name is proposed that is one letter too far away", f"{CONFIG}/suggestion.cpp",
            "typed.size() / 3) + 1;", "typed.size() / 3) + 2;", "config: the nearest name is found, but not at any price"),
    changed("a length of four bytes that is cut is read beyond the end", f"{PROTOCOL}/variable_parsers.cpp",
            "if (left() < 4) return false;", "if (left() < 3) return false;",
            "protocol: a block cut at any byte says which variable is not whole"),
    changed("an answer is said to have too much body since the last one had", f"{PYTHON}/response.cpp",
            "started_ = written_ = ended_ = gone_ = excess_ = false;", "started_ = written_ = ended_ = gone_ = false;",
            "python: write beyond Content-Length is cut, as a body that is returned"),
    changed("a pid file that was removed meanwhile is taken", f"{SUPERVISOR}/pid_file.cpp",
            "if (is_in_place()) return;", "return;",
            "supervisor: of processes that take it in turns, never two have it"),
    changed("the pid file is not locked", f"{SUPERVISOR}/pid_file.cpp", "    lock(fd_.get(), path_);",
            "    if (attempt > 0) lock(fd_.get(), path_);",
            "supervisor: a second one is refused, by the name of who has it, and changes nothing",
            "e2e: test_daemon.py::test_of_two_starts_at_the_same_time_on_one_pid_file_exactly_one_serves"),
]

MUTANTS = SURVIVORS

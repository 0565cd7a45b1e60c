// Memory runs out while a request is served: it is answered all the same, or the process ends.
// A worker that lives on serves.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "fakes/failing_new.hpp"
#include "fakes/running_server.hpp"
#include "fakes/sanitizers.hpp"
#include "fakes/temporary_folder.hpp"

using namespace appd;
using namespace appd::test;

namespace {

enum Outcome { served = 10, none_failed, deaf };

std::string ask(RunningServer& server, Speech speech, std::size_t body) {
  return server.ask(speech, {"/echo", "POST", std::string(body, 'b')}).body();
}

/// What a worker does whose `number`th allocation after its start fails.
Outcome serve_with_failure(long number, Speech speech) {
  ScriptedApplication scripts;
  scripts.on("/echo", [](gateway::Exchange& exchange) {
    ScriptedApplication::respond(exchange, ScriptedApplication::read_all(exchange));
  });
  RunningServer server(scripts);
  fakes::spared.store(std::this_thread::get_id());
  fakes::allocations_left.store(number);
  for (const std::size_t body : {10u, 200'000u}) ask(server, speech, body);
  const bool failed = fakes::allocations_left.exchange(0) <= 0;
  if (!failed) return none_failed;
  return ask(server, speech, 10).size() == 10 ? served : deaf;
}

/// The same in a process of its own, which it may end. What that leaves behind then is in `folder`.
int status_of(long number, Speech speech, const TemporaryFolder& folder) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);
    ::setenv("TMPDIR", folder.path().c_str(), 1);
    ::alarm(30);  // a hang is none of the outcomes
    ::_exit(serve_with_failure(number, speech));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_SUITE("out of memory") {
  TEST_CASE("whichever allocation of a request fails, the worker serves on or ends") {
    if (kThreadSanitizer) return;  // it bears no threads after a fork
    const TemporaryFolder folder;
    for (const Speech speech : {Speech::fastcgi_kept, Speech::uwsgi}) {
      int ended = 0;
      bool all = false;
      for (long number = 1; number < 500 && !all; ++number) {
        CAPTURE(number);
        const int status = status_of(number, speech, folder);
        all = WIFEXITED(status) && WEXITSTATUS(status) == none_failed;
        const bool died = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
        ended += died ? 1 : 0;
        CHECK((all || died || (WIFEXITED(status) && WEXITSTATUS(status) == served)));
      }
      CHECK(all);
      CHECK(ended > 0);
    }
  }
}

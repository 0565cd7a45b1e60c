// Tests of commands to a running master and its replies.

#include "runtime/supervisor/control_socket.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "control_caller.hpp"
#include "fakes/in_process.hpp"
#include "fakes/memory_reporter.hpp"
#include "fakes/temporary_folder.hpp"

using namespace appd;
using namespace appd::supervisor;
using appd::test::in_process;
using appd::test::TemporaryFolder;
using Kind = ControlMessage::Kind;
using namespace std::chrono_literals;

namespace {

bool polled(const ControlSocket& control) {
  pollfd state{control.fd(), POLLIN, 0};
  return ::poll(&state, 1, 0) == 1;
}

}  // namespace

TEST_SUITE("control socket") {
  TEST_CASE("each verb is received, and its caller alone is answered") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    for (const ControlVerb verb :
         {ControlVerb::reload, ControlVerb::stop, ControlVerb::status, ControlVerb::upgrade}) {
      CAPTURE(name(verb));
      const CallerEnd caller(folder / "control");
      const CallerEnd other(folder / "control");
      REQUIRE(caller.connected);
      caller.ask(name(verb));
      CHECK(polled(control));
      const auto request = only_request(control);
      CHECK(request.verb == verb);
      control.say(request.caller, "one moment");
      control.succeed(request.caller, "done");
      const auto text = caller.hear();
      CHECK(text->kind == Kind::text);
      CHECK(text->text == "one moment");
      const auto outcome = caller.hear();
      CHECK(outcome->kind == Kind::success);
      CHECK(outcome->text == "done");
      CHECK(caller.hears_end());
      CHECK(other.silent());
    }
  }

  TEST_CASE("a failure is told as one, and is the end") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    const CallerEnd caller(folder / "control");
    caller.ask("reload");
    const auto request = only_request(control);
    control.fail(request.caller, "why not\nand a traceback");
    const auto outcome = caller.hear();
    CHECK(outcome->kind == Kind::failure);
    CHECK(outcome->text == "why not\nand a traceback");
    CHECK(caller.hears_end());
    CHECK(control.fd_of(request.caller) == -1);
  }

  TEST_CASE("what is no verb is refused") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    for (const std::string& word : {std::string("restart"), std::string("reload "),
                                    std::string("Reload"), std::string(1000, 'r')}) {
      const CallerEnd caller(folder / "control");
      caller.ask(word);
      CHECK(received(control).empty());
      CHECK(caller.hear()->kind == Kind::failure);
      CHECK(caller.hears_end());
    }
  }

  TEST_CASE("who says nothing is ended after a while, and nobody who has asked") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    const CallerEnd silent(folder / "control");
    const CallerEnd asking(folder / "control");
    CHECK_FALSE(control.due());
    asking.ask("reload");
    CHECK(received(control).size() == 1);
    CHECK(control.due() == kNow + ControlSocket::kPatience);
    control.tick(kNow + ControlSocket::kPatience - 1ns);
    CHECK(silent.silent());
    control.tick(kNow + ControlSocket::kPatience);
    CHECK(silent.hear()->text == "no command was received");
    CHECK(silent.hears_end());
    CHECK(asking.silent());
    CHECK_FALSE(control.due());
  }

  TEST_CASE("of too many callers the oldest that has said nothing makes room") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    std::vector<std::unique_ptr<CallerEnd>> callers;
    const auto call = [&](bool asks) {
      callers.push_back(std::make_unique<CallerEnd>(folder / "control"));
      REQUIRE(callers.back()->connected);
      CHECK(receive(control).empty());
      if (!asks) return;
      callers.back()->ask("reload");
      CHECK(receive(control).size() == 1);
    };
    call(true);
    while (callers.size() < ControlSocket::kMostCallers) call(false);
    call(true);
    CHECK(callers[1]->hear()->kind == Kind::failure);
    CHECK(callers[1]->hears_end());
    CHECK(callers[2]->silent());
    while (callers.size() < 2 * ControlSocket::kMostCallers - 1) call(true);
    CHECK(callers[0]->silent());
    call(false);  // all that are there have asked
    CHECK(callers.back()->hear()->text == "32 callers are waiting already; try again");
    CHECK(callers.back()->hears_end());
  }

  TEST_CASE("one thing is read of each caller") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    const CallerEnd caller(folder / "control");
    caller.ask("reload");
    CHECK(received(control).size() == 1);
    caller.ask("reload");
    caller.ask("stop");
    CHECK_FALSE(polled(control));
    CHECK(received(control).empty());
  }

  TEST_CASE("without a descriptor for a caller nobody is looked for, for a while") {
    CHECK(in_process([] {
            const TemporaryFolder folder;
            ControlSocket control(folder / "control");
            const CallerEnd caller(folder / "control");
            fakes::MemoryReporter reporter;
            // The undefined-behaviour sanitizer needs descriptors where it first sees a type.
            gateway::Reporter* volatile shown = &reporter;
            shown->report(gateway::LogEvent::control_no_descriptor, "");
            reporter.take();
            rlimit limit{};
            ::getrlimit(RLIMIT_NOFILE, &limit);
            const rlimit none{3, limit.rlim_max};
            ::setrlimit(RLIMIT_NOFILE, &none);
            if (!polled(control) || !control.receive(kNow, reporter).empty()) return 1;
            if (polled(control) || control.due() != kNow + ControlSocket::kAcceptPause) return 2;
            control.tick(kNow + ControlSocket::kAcceptPause);
            if (!polled(control) || !control.receive(kNow, reporter).empty()) return 3;
            if (reporter.take().size() != 1) return 4;
            ::setrlimit(RLIMIT_NOFILE, &limit);
            control.tick(kNow + ControlSocket::kAcceptPause);
            caller.ask("status");
            control.receive(kNow, reporter);
            return control.receive(kNow, reporter).size() == 1 ? 0 : 5;
          }) == 0);
  }

  TEST_CASE("many callers ask and are told apart") {
    constexpr std::size_t kCallers = ControlSocket::kMostCallers;
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    std::vector<std::unique_ptr<CallerEnd>> callers;
    std::vector<ControlSocket::Caller> numbers;
    for (std::size_t i = 0; i < kCallers; ++i) {
      callers.push_back(std::make_unique<CallerEnd>(folder / "control"));
      REQUIRE(callers.back()->connected);
      CHECK(receive(control).empty());
    }
    for (const auto& caller : callers) caller->ask("status");
    for (int turn = 0; turn < 10 && polled(control); ++turn) {
      for (const auto& request : receive(control)) numbers.push_back(request.caller);
    }
    REQUIRE(numbers.size() == kCallers);
    for (std::size_t i = 0; i < kCallers; ++i) control.succeed(numbers[i], std::to_string(i));
    std::vector<bool> heard(kCallers, false);
    for (const auto& caller : callers) heard.at(std::stoul(caller->hear()->text)) = true;
    CHECK(std::find(heard.begin(), heard.end(), false) == heard.end());
  }

  TEST_CASE("a caller that is gone is forgotten, and what is said to it is lost") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    CallerEnd caller(folder / "control");
    caller.ask("reload");
    const auto request = only_request(control);
    const ControlSocket::Caller number = request.caller;
    CHECK(control.fd_of(number) >= 0);
    caller.leave();
    CHECK(polled(control));
    CHECK(receive(control).empty());
    CHECK(control.fd_of(number) == -1);
    CHECK_FALSE(polled(control));
    control.say(number, "text");
    control.succeed(number, "done");
    control.fail(number, "failed");
    CallerEnd unseen(folder / "control");
    unseen.ask("reload");
    const auto next = only_request(control);
    CHECK(next.caller != number);
    unseen.leave();
    control.succeed(next.caller, "done");  // and no signal
    CHECK(control.fd_of(next.caller) == -1);
  }

  TEST_CASE("a caller that does not read is dropped and not waited for") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    const CallerEnd caller(folder / "control");
    caller.ask("reload");
    const auto request = only_request(control);
    const std::string text(10'000, 'x');
    for (int i = 0; i < 10'000 && control.fd_of(request.caller) >= 0; ++i) {
      control.say(request.caller, text);
    }
    CHECK(control.fd_of(request.caller) == -1);
  }

  TEST_CASE("a caller that reads late gets all it was told, and its outcome") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    const CallerEnd caller(folder / "control");
    caller.ask("reload");
    const auto request = only_request(control);
    CHECK_FALSE(control.due());
    const std::string text(kMostControlText, 'x');
    int said = 0;
    for (; !control.due(); ++said) control.say(request.caller, text);
    control.succeed(request.caller, "done");
    control.fail(request.caller, "too late");
    REQUIRE(*control.due() <= kNow);
    control.tick(kNow);
    CHECK(*control.due() > kNow);
    CHECK(*control.due() < kNow + 1s);
    for (int i = 0; i < said; ++i) {
      CHECK(caller.hear()->text == text);
      control.tick(kNow + 100ms * (i + 1));
    }
    CHECK(caller.hear()->text == "done");
    CHECK(caller.hears_end());
    CHECK_FALSE(control.due());
  }

  TEST_CASE("a caller that goes on not to read is dropped after a time") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    const CallerEnd caller(folder / "control");
    caller.ask("reload");
    const auto request = only_request(control);
    while (!control.due()) control.say(request.caller, std::string(kMostControlText, 'x'));
    control.tick(kNow);
    control.tick(kNow + ControlSocket::kPatience - 1s);
    CHECK(control.fd_of(request.caller) >= 0);
    control.tick(kNow + ControlSocket::kPatience);
    CHECK(control.fd_of(request.caller) == -1);
    control.tick(kNow + ControlSocket::kPatience + 1s);
    CHECK_FALSE(control.due());
  }

  TEST_CASE("a text that is too long is cut") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    const CallerEnd caller(folder / "control");
    caller.ask("status");
    const auto request = only_request(control);
    control.succeed(request.caller, std::string(kMostControlText + 10, 'x'));
    CHECK(caller.hear()->text == std::string(kMostControlText, 'x'));
  }
}

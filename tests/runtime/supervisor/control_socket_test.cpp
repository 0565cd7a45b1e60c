// Tests of commands to a running master and its replies.

#include "runtime/supervisor/control_socket.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fakes/eventually.hpp"
#include "fakes/in_process.hpp"
#include "fakes/memory_reporter.hpp"
#include "fakes/temporary_folder.hpp"
#include "runtime/support/exit_code.hpp"

using namespace appd;
using namespace appd::supervisor;
using appd::test::eventually;
using appd::test::in_process;
using appd::test::TemporaryFolder;
using support::UniqueFd;
using Kind = ControlMessage::Kind;
using namespace std::chrono_literals;

namespace {

/// A program that asks.
class CallerEnd {
 public:
  explicit CallerEnd(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    const support::UnixAddress address = control_address(path);
    connected = ::connect(socket_.get(), address.get(), address.size) == 0;
  }
  void ask(std::string_view word) const {
    REQUIRE(::send(socket_.get(), word.data(), word.size(), MSG_NOSIGNAL) >= 0);
  }
  /// The next message, which must be there; none at the end of the connection.
  std::optional<ControlMessage> hear() const {
    std::vector<char> buffer(2 * kMostControlText);
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    REQUIRE_MESSAGE(got >= 0, "nothing was said");
    if (got == 0) return std::nullopt;
    return ControlMessage{static_cast<Kind>(buffer[0]),
                          std::string(buffer.data() + 1, static_cast<std::size_t>(got) - 1)};
  }
  bool hears_end() const { return !hear(); }
  void wait_end() const {
    char byte = 0;
    while (::recv(socket_.get(), &byte, sizeof byte, 0) > 0) {
    }
  }
  bool silent() const {
    pollfd state{socket_.get(), POLLIN, 0};
    return ::poll(&state, 1, 0) == 0;
  }
  void leave() { socket_.reset(); }

  bool connected = false;

 private:
  UniqueFd socket_;
};

const Clock::time_point kNow{1h};

std::vector<ControlSocket::Request> receive(ControlSocket& control, Clock::time_point now = kNow) {
  fakes::MemoryReporter reporter;
  return control.receive(now, reporter);
}

/// What has been asked: a call for those that have connected, one for what they say.
std::vector<ControlSocket::Request> received(ControlSocket& control) {
  std::vector<ControlSocket::Request> all = receive(control);
  const std::vector<ControlSocket::Request> more = receive(control);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// The one thing that has been asked.
ControlSocket::Request only_request(ControlSocket& control) {
  const std::vector<ControlSocket::Request> all = received(control);
  REQUIRE(all.size() == 1);
  return all.front();
}

bool polled(const ControlSocket& control) {
  pollfd state{control.fd(), POLLIN, 0};
  return ::poll(&state, 1, 0) == 1;
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

std::string refusal(const std::string& path) {
  try {
    ControlSocket control(path);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// `appd <verb>` in a process of its own, while `master` has the other end.
struct Asked {
  int code = -1;
  std::string out;
  std::string err;
};
template <typename Master>
Asked ask(ControlVerb verb, Master master) {
  const TemporaryFolder folder;
  const std::string path = folder / "control";
  auto control = std::make_unique<ControlSocket>(path);
  std::fflush(nullptr);  // or both would write what stdio holds
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::alarm(60);
    control->close_after_fork();
    ::dup2(::open((folder / "out").c_str(), O_CREAT | O_WRONLY, 0600), STDOUT_FILENO);
    ::dup2(::open((folder / "err").c_str(), O_CREAT | O_WRONLY, 0600), STDERR_FILENO);
    const int code = ask_master(path, verb);
    std::fflush(nullptr);
    ::_exit(code);
  }
  std::vector<ControlSocket::Request> requests;
  const bool asked = eventually([&] {
    requests = receive(*control);
    return !requests.empty();
  });
  if (asked) {
    CHECK(requests.front().verb == verb);
    master(*control, requests.front().caller);
  }
  control.reset();
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(asked);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(folder / "out"), read(folder / "err")};
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
            rlimit limit{};
            ::getrlimit(RLIMIT_NOFILE, &limit);
            const rlimit none{3, limit.rlim_max};
            ::setrlimit(RLIMIT_NOFILE, &none);
            fakes::MemoryReporter reporter;
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

  TEST_CASE("whoever hears the end finds the file gone") {
    constexpr int kTimes = 2000;  // a race, which a wrong order loses in some of them
    const TemporaryFolder folder;
    int found = 0;
    for (int i = 0; i < kTimes; ++i) {
      std::optional<ControlSocket> control(std::in_place, folder / "control");
      CallerEnd caller(folder / "control");
      caller.ask("stop");
      only_request(*control);
      std::thread waiting([&] {
        caller.wait_end();
        if (std::filesystem::exists(folder / "control")) ++found;
      });
      control.reset();
      waiting.join();
    }
    CHECK(found == 0);
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

  TEST_CASE("the file is its owner's alone, whatever the umask, and goes with the socket") {
    const TemporaryFolder folder;
    const std::string path = folder / "control";
    const mode_t before = ::umask(0);
    {
      const ControlSocket control(path);
      struct stat file {};
      REQUIRE(::stat(path.c_str(), &file) == 0);
      CHECK((file.st_mode & 0777) == 0600);
      CHECK(::umask(0) == 0);  // as it was
    }
    ::umask(before);
    CHECK_FALSE(exists(path));
  }

  TEST_CASE("what a killed master left is replaced; one that lives, and other files, are not") {
    const TemporaryFolder folder;
    const std::string path = folder / "control";
    CHECK(in_process([&] {
            new ControlSocket(path);  // its owner ends without its end
            return 0;
          }) == 0);
    REQUIRE(exists(path));
    {
      ControlSocket control(path);
      CHECK(CallerEnd(path).connected);
      CHECK(refusal(path) == "another process listens on " + path + ": Address already in use");
      CHECK(CallerEnd(path).connected);
    }
    std::ofstream(path) << "text";
    CHECK(refusal(path) == path + " exists and is not a socket: Address already in use");
    CHECK(read(path) == "text");
    CHECK(refusal(folder / "none/control").find("No such file") != std::string::npos);
    CHECK(refusal(folder / std::string(200, 'x')).find("too long") != std::string::npos);
  }

  TEST_CASE("the file is removed only while it is this socket's, and by the process that made it") {
    const TemporaryFolder folder;
    const std::string path = folder / "control";
    auto control = std::make_unique<ControlSocket>(path);
    CHECK(in_process([&] {
            control.reset();
            return 0;
          }) == 0);
    CHECK(exists(path));
    REQUIRE(::unlink(path.c_str()) == 0);
    std::ofstream(path) << "another's";
    control.reset();
    CHECK(read(path) == "another's");
  }

  TEST_CASE("a child lets go of everything, and its parent goes on") {
    const TemporaryFolder folder;
    ControlSocket control(folder / "control");
    const CallerEnd caller(folder / "control");
    caller.ask("reload");
    const auto request = only_request(control);
    CHECK(in_process([&] {
            const int fds[]{control.fd(), control.listener(), control.fd_of(request.caller)};
            control.close_after_fork();
            for (const int fd : fds) {
              if (fd < 0 || ::fcntl(fd, F_GETFD) >= 0) return 1;
            }
            return 0;
          }) == 0);
    control.succeed(request.caller, "done");
    CHECK(caller.hear()->text == "done");
  }

  TEST_CASE("after an execve the socket goes on, with those that wait") {
    const TemporaryFolder folder;
    const std::string path = folder / "control";
    auto former = std::make_unique<ControlSocket>(path);
    const CallerEnd waiting(path);
    waiting.ask("upgrade");
    const auto request = only_request(*former);
    UniqueFd listener(::fcntl(former->listener(), F_DUPFD_CLOEXEC, 0));
    UniqueFd caller(::fcntl(former->fd_of(request.caller), F_DUPFD_CLOEXEC, 0));
    former->close_after_fork();
    {
      ControlSocket control(path, std::move(listener));
      const ControlSocket::Caller number = control.adopt(std::move(caller));
      const CallerEnd other(path);
      other.ask("status");
      const auto another = only_request(control);
      CHECK(another.caller != number);
      control.succeed(number, "upgraded");
      CHECK(waiting.hear()->text == "upgraded");
      CHECK(waiting.hears_end());
    }
    CHECK_FALSE(exists(path));
  }
}

TEST_SUITE("control protocol") {
  TEST_CASE("verbs have names") {
    for (const ControlVerb verb :
         {ControlVerb::reload, ControlVerb::stop, ControlVerb::status, ControlVerb::upgrade}) {
      CHECK(parse_verb(name(verb)) == verb);
    }
    CHECK(name(ControlVerb::reload) == "reload");
    CHECK_FALSE(parse_verb(""));
    CHECK_FALSE(parse_verb("reloads"));
  }

  TEST_CASE("who asks gets all that is said, and the outcome as exit code") {
    const Asked good = ask(ControlVerb::reload, [](ControlSocket& control, auto caller) {
      control.say(caller, "one moment");
      control.succeed(caller, "reloaded");
    });
    CHECK(good.code == support::exit_code::kOk);
    CHECK(good.out == "one moment\nreloaded\n");
    CHECK(good.err.empty());
    const Asked bad = ask(ControlVerb::upgrade, [](ControlSocket& control, auto caller) {
      control.fail(caller, "not so");
    });
    CHECK(bad.code == support::exit_code::kStart);
    CHECK(bad.out.empty());
    CHECK(bad.err == "not so\n");
  }

  TEST_CASE("the master's end is the outcome of a stop, and of nothing else") {
    const auto end = [](ControlSocket&, auto) {};
    const Asked stopped = ask(ControlVerb::stop, end);
    CHECK(stopped.code == support::exit_code::kOk);
    CHECK(stopped.out == "stopped\n");
    const Asked reloaded = ask(ControlVerb::reload, end);
    CHECK(reloaded.code == support::exit_code::kFailure);
    CHECK(reloaded.err == "appd exited before it replied\n");
  }

  TEST_CASE("without a master there is nobody to ask") {
    const TemporaryFolder folder;
    CHECK_THROWS_AS(ask_master(folder / "none", ControlVerb::status), std::runtime_error);
  }
}

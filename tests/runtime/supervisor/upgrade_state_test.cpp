// Tests that an upgrade's state is read back as it was written.

#include "runtime/supervisor/upgrade_state.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace appd;
using namespace appd::supervisor;
using support::UniqueFd;

namespace {

/// Every member with a value of its own.
UpgradeState full() {
  UpgradeState upgrade_state;
  upgrade_state.generation = 7;
  upgrade_state.workers = {{0, 101, 11, true, false, false, 14},
                           {1, 102, 12, false, false, false},
                           {5, 103, 13, false, true, true, 15}};
  upgrade_state.sockets = {
      {"/run/app \"a\"\\b\n\u00e4.sock", 21, true}, {"@abstract", 22, false}, {"", 23, false}};
  upgrade_state.passed = {{"web", 31}, {"", 32}};
  upgrade_state.handover_in = 41;
  upgrade_state.handover_out = 42;
  upgrade_state.pid_file = 43;
  upgrade_state.control = 44;
  upgrade_state.callers = {51, 52, 53};
  return upgrade_state;
}

void check_same(const UpgradeState& one, const UpgradeState& other) {
  CHECK(one.generation == other.generation);
  CHECK(one.handover_in == other.handover_in);
  CHECK(one.handover_out == other.handover_out);
  CHECK(one.pid_file == other.pid_file);
  CHECK(one.control == other.control);
  CHECK(one.callers == other.callers);
  REQUIRE(one.workers.size() == other.workers.size());
  for (std::size_t i = 0; i < one.workers.size(); ++i) {
    CHECK(one.workers[i].index == other.workers[i].index);
    CHECK(one.workers[i].pid == other.workers[i].pid);
    CHECK(one.workers[i].link == other.workers[i].link);
    CHECK(one.workers[i].ready == other.workers[i].ready);
    CHECK(one.workers[i].retired == other.workers[i].retired);
    CHECK(one.workers[i].exiting == other.workers[i].exiting);
    CHECK(one.workers[i].inbox == other.workers[i].inbox);
  }
  REQUIRE(one.sockets.size() == other.sockets.size());
  for (std::size_t i = 0; i < one.sockets.size(); ++i) {
    CHECK(one.sockets[i].address == other.sockets[i].address);
    CHECK(one.sockets[i].fd == other.sockets[i].fd);
    CHECK(one.sockets[i].owns_file == other.sockets[i].owns_file);
  }
  REQUIRE(one.passed.size() == other.passed.size());
  for (std::size_t i = 0; i < one.passed.size(); ++i) {
    CHECK(one.passed[i].name == other.passed[i].name);
    CHECK(one.passed[i].fd == other.passed[i].fd);
  }
}

UniqueFd file_of(std::string_view text) {
  UniqueFd file(::memfd_create("test", MFD_CLOEXEC));
  REQUIRE(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return file;
}

std::string text_of(const UniqueFd& file) {
  std::string text(100'000, '\0');
  const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

std::string refusal(std::string_view text) {
  try {
    load_upgrade_state(file_of(text));
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

bool closes_on_exec(int fd) {
  return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

}  // namespace

TEST_SUITE("upgrade state") {
  TEST_CASE("what is stored is loaded, once and again") {
    const UniqueFd file = store(full());
    check_same(load_upgrade_state(file), full());
    check_same(load_upgrade_state(file), full());
    CHECK(closes_on_exec(file.get()));
  }

  TEST_CASE("nothing is loaded as nothing") {
    const UpgradeState empty;
    check_same(load_upgrade_state(store(empty)), empty);
    CHECK(load_upgrade_state(store(empty)).control == -1);
  }

  TEST_CASE("more than is read at once") {
    UpgradeState upgrade_state = full();
    for (unsigned i = 0; i < 1000; ++i) upgrade_state.workers.push_back({i, 1, 2, true, false});
    check_same(load_upgrade_state(store(upgrade_state)), upgrade_state);
  }

  TEST_CASE("what is not understood is refused") {
    const std::string right = text_of(store(full()));
    CHECK(refusal(right) == "none");
    for (const std::string& text : {std::string(), std::string("{}"), std::string("rubbish"),
                                    std::string(10'000, '{'), right.substr(0, right.size() / 2)}) {
      CHECK(refusal(text).find("cannot read the upgrade state of the previous appd: ") == 0);
    }
    const auto with = [&right](const std::string& from, const std::string& to) {
      std::string text = right;
      REQUIRE(text.find(from) != std::string::npos);
      return refusal(text.replace(text.find(from), from.size(), to));
    };
    for (const char* other : {"appd-upgrade-3", "appd-upgrade-5"}) {
      CAPTURE(other);
      CHECK(with("appd-upgrade-4", other).find("unknown format") != std::string::npos);
    }
    for (const char* field : {"generation", "worker", "socket", "passed", "caller", "handover",
                              "pid-file", "control", "end"}) {
      CAPTURE(field);
      CHECK(with(field, "other").find("cannot read") != std::string::npos);
    }
    CHECK(with(" 101 ", " abc ").find("cannot read") != std::string::npos);
    CHECK(with(" 101 ", " ").find("cannot read") != std::string::npos);
  }

  TEST_CASE("all descriptors survive execve when they are to be kept, and only then") {
    std::vector<UniqueFd> open;
    const auto fd = [&open] {
      open.emplace_back(::fcntl(0, F_DUPFD_CLOEXEC, 0));
      return open.back().get();
    };
    UpgradeState upgrade_state = full();
    for (auto& worker : upgrade_state.workers) {
      worker.link = fd();
      worker.inbox = fd();
    }
    for (auto& socket : upgrade_state.sockets) socket.fd = fd();
    for (auto& passed : upgrade_state.passed) passed.fd = fd();
    for (int& caller : upgrade_state.callers) caller = fd();
    for (int* const each : {&upgrade_state.handover_in, &upgrade_state.handover_out,
                            &upgrade_state.pid_file, &upgrade_state.control}) {
      *each = fd();
    }
    const UniqueFd other(::fcntl(0, F_DUPFD_CLOEXEC, 0));
    const UniqueFd file = store(upgrade_state);
    for (const bool keep : {true, false, true}) {
      keep_over_exec(upgrade_state, file, keep);
      CHECK(closes_on_exec(file.get()) != keep);
      for (const UniqueFd& each : open) CHECK(closes_on_exec(each.get()) != keep);
      CHECK(closes_on_exec(other.get()));
    }
    upgrade_state.control = -1;  // none: nothing happens to any other
    keep_over_exec(upgrade_state, file, true);
    CHECK(closes_on_exec(other.get()));
  }
}

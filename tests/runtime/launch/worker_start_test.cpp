// Tests of what a worker program reads of its master.

#include "runtime/launch/worker_start.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "../config/all_options.hpp"
#include "runtime/config/command_line.hpp"
#include "runtime/support/memory_file.hpp"
#include "runtime/support/version.hpp"

using namespace appd;
using namespace appd::launch;

namespace {

/// Each member with a value that no other has.
WorkerStart full() {
  WorkerStart start;
  start.role = Role::zygote;
  start.index = 1;
  start.places = 2;
  start.settings = config::test::all_settings();
  start.settings.env.clear();
  start.settings.env_files.clear();
  start.settings.access_log_format = "{method} \"quoted\" \\ and\nmore";
  start.settings.allow_from_environment = true;
  start.allowed_users = {33, 1000};
  start.dumpable = false;
  start.program = "/a folder/python";
  start.pid = 4711;
  start.link = 11;
  start.scoreboard = 12;
  start.access_log = 13;
  start.sockets = {14, 15};
  start.crash_files = {16, 17, 18};
  start.inboxes = {{19, 20}, {21, 22}};
  start.handover = {23, 24};
  start.settings.development = true;
  start.development = {25, 26, true, true, "http://127.0.0.1:8000/"};
  return start;
}

std::string text_of(const WorkerStart& start) {
  return support::read_from_start(store(start));
}

support::UniqueFd file_of(const std::string& text) {
  return support::make_memory_file("test", text);
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

}  // namespace

TEST_SUITE("worker start") {
  TEST_CASE("a program reads all that its master has written") {
    const support::UniqueFd file = store(full());
    CHECK((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(load_worker_start(file) == full());
    CHECK(load_worker_start(file) == full());  // its position does not matter
    for (const Role role : {Role::worker, Role::zygote, Role::check, Role::version}) {
      WorkerStart start;
      start.settings = config::default_settings({});
      start.role = role;
      CHECK(load_worker_start(store(start)) == start);
    }
  }

  TEST_CASE("variables of the application are not in the file") {
    WorkerStart start;
    start.settings.env = {{"PASSWORD", "secret"}};
    start.settings.env_files = {"/etc/secrets"};
    const std::string text = text_of(start);
    CHECK(text.find("secret") == std::string::npos);
    CHECK(text.find("PASSWORD") == std::string::npos);
  }

  TEST_CASE("the head is understood whatever another version has written below it") {
    const std::string text =
        replaced(text_of(full()), "appd " APPD_VERSION "\n", "appd 99.1\n") + "new thing\n";
    const StartHead head = load_start_head(file_of(text));
    CHECK(head.version == "99.1");
    CHECK(head.link == 11);
    CHECK(text.starts_with("appd 99.1\nlink 11\n"));  // for ever
    CHECK(load_start_head(file_of(replaced(text, "zygote", "janitor"))).version == "99.1");
  }

  TEST_CASE("anything else is refused") {
    const std::string text = text_of(full());
    for (const std::string& bad :
         {std::string(), std::string("appd"), replaced(text, "appd ", "appx "),
          replaced(text, "zygote", "janitor"), replaced(text, "link 11", "link x"),
          replaced(text, "index 1", "index x"), replaced(text, "pid 4711", "pid"),
          replaced(text, "set threads", "set wool"),
          replaced(text, "set threads \"3\"", "set threads \"0\""),
          replaced(text, "handover", "handout"), replaced(text, "end\n", "")}) {
      CAPTURE(bad);
      CHECK_THROWS_AS(load_worker_start(file_of(bad)), std::runtime_error);
    }
  }

  TEST_CASE("all descriptors are named, and none that is not there") {
    std::vector<int> all;
    for_each_descriptor(full(), [&all](int fd) { all.push_back(fd); });
    std::sort(all.begin(), all.end());
    CHECK(all == std::vector<int>{11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26});
    for_each_descriptor({}, [](int) { FAIL("there is none"); });
  }
}

// Writes and reads the start file as lines of text.

#include "runtime/launch/worker_start.hpp"

#include <algorithm>
#include <array>
#include <iomanip>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "runtime/config/setting_texts.hpp"
#include "runtime/support/field_file.hpp"
#include "runtime/support/memory_file.hpp"
#include "runtime/support/version.hpp"

namespace appd::launch {
namespace {

// Each thing has a line: its kind, then its numbers or quoted texts. The first two lines are those
// of StartHead, in this form for ever:
//
//     appd 1.0.0
//     link 7
constexpr std::array<std::string_view, 4> kRoles{"worker", "zygote", "check", "version"};

void write(std::ostream& out, const char* kind, const WorkerStart::Channel& channel) {
  out << kind << ' ' << channel.in << ' ' << channel.out << '\n';
}

void write(std::ostream& out, const DevelopmentStart& start) {
  out << "development " << start.failure << ' ' << start.reports << ' ' << start.stands_in << ' '
      << start.pages << ' ' << std::quoted(start.url) << '\n';
}

void read_development(std::istream& in, WorkerStart& into) {
  DevelopmentStart& start = into.development;
  into.settings.development = true;
  in >> start.failure >> start.reports >> start.stands_in >> start.pages >> std::quoted(start.url);
}

void write(std::ostream& out, const WorkerStart& start) {
  out << "appd " << APPD_VERSION << '\n';
  out << "link " << start.link << '\n';
  out << "role " << kRoles[static_cast<std::size_t>(start.role)] << '\n';
  out << "index " << start.index << '\n';
  out << "places " << start.places << '\n';
  out << "dumpable " << start.dumpable << '\n';
  out << "program " << std::quoted(start.program) << '\n';
  out << "pid " << start.pid << '\n';
  for (const auto& [name, value] : config::show_settings(start.settings)) {
    out << "set " << name << ' ' << std::quoted(value) << '\n';
  }
  out << "allow-from-environment " << start.settings.allow_from_environment << '\n';
  for (const uid_t user : start.allowed_users) out << "allowed-user " << user << '\n';
  out << "scoreboard " << start.scoreboard << '\n';
  out << "access-log " << start.access_log << '\n';
  for (const int fd : start.sockets) out << "socket " << fd << '\n';
  for (const int fd : start.http_sockets) out << "http-socket " << fd << '\n';
  for (const int fd : start.crash_files) out << "crash-file " << fd << '\n';
  for (const auto& inbox : start.inboxes) write(out, "inbox", inbox);
  write(out, "handover", start.handover);
  if (start.settings.development) write(out, start.development);
  out << "end\n";
}

void read_setting(std::istream& in, WorkerStart& start) {
  std::string name;
  std::string value;
  in >> name >> std::quoted(value);
  if (!in.fail()) config::take_setting(start.settings, name, value);
}

void read_role(std::istream& in, WorkerStart& start) {
  std::string name;
  in >> name;
  const auto* const found = std::find(kRoles.begin(), kRoles.end(), name);
  if (found == kRoles.end()) throw std::runtime_error("unknown role");
  start.role = static_cast<Role>(found - kRoles.begin());
}

const support::FieldReaders<WorkerStart>& readers() {
  static const support::FieldReaders<WorkerStart> all{
      {"role", read_role},
      {"index", [](std::istream& in, WorkerStart& into) { in >> into.index; }},
      {"places", [](std::istream& in, WorkerStart& into) { in >> into.places; }},
      {"dumpable", [](std::istream& in, WorkerStart& into) { in >> into.dumpable; }},
      {"program", [](std::istream& in, WorkerStart& into) { in >> std::quoted(into.program); }},
      {"pid", [](std::istream& in, WorkerStart& into) { in >> into.pid; }},
      {"set", read_setting},
      {"allow-from-environment",
       [](std::istream& in, WorkerStart& into) { in >> into.settings.allow_from_environment; }},
      {"allowed-user",
       [](std::istream& in, WorkerStart& into) { in >> into.allowed_users.emplace_back(); }},
      {"scoreboard", [](std::istream& in, WorkerStart& into) { in >> into.scoreboard; }},
      {"access-log", [](std::istream& in, WorkerStart& into) { in >> into.access_log; }},
      {"socket", [](std::istream& in, WorkerStart& into) { in >> into.sockets.emplace_back(); }},
      {"http-socket",
       [](std::istream& in, WorkerStart& into) { in >> into.http_sockets.emplace_back(); }},
      {"crash-file",
       [](std::istream& in, WorkerStart& into) { in >> into.crash_files.emplace_back(); }},
      {"inbox",
       [](std::istream& in, WorkerStart& into) {
         WorkerStart::Channel& inbox = into.inboxes.emplace_back();
         in >> inbox.in >> inbox.out;
       }},
      {"development", read_development},
      {"handover",
       [](std::istream& in, WorkerStart& into) { in >> into.handover.in >> into.handover.out; }},
  };
  return all;
}

StartHead read_head(std::istream& in) {
  StartHead head;
  std::string appd;
  std::string link;
  in >> appd >> head.version >> link >> head.link;
  if (in.fail() || appd != "appd" || link != "link") throw std::runtime_error("unknown format");
  return head;
}

WorkerStart read(std::istream& in) {
  const StartHead head = read_head(in);
  WorkerStart start;
  start.link = head.link;
  support::read_fields(in, readers(), start);
  return start;
}

template <typename Read>
auto read_from(const support::UniqueFd& file, Read read_it) {
  return support::read_memory_file(file, "what the master has handed over", read_it);
}

}  // namespace

support::UniqueFd store(const WorkerStart& start) {
  std::ostringstream text;
  write(text, start);
  return support::make_memory_file("appd-start", text.str());
}

StartHead load_start_head(const support::UniqueFd& file) {
  return read_from(file, read_head);
}

WorkerStart load_worker_start(const support::UniqueFd& file) {
  return read_from(file, [](std::istream& in) { return read(in); });
}

void for_each_descriptor(const WorkerStart& start, const std::function<void(int)>& act) {
  const auto act_on = [&act](int fd) {
    if (fd >= 0) act(fd);
  };
  for (const int fd : {start.link, start.scoreboard, start.access_log, start.handover.in,
                       start.handover.out, start.development.failure, start.development.reports}) {
    act_on(fd);
  }
  for (const int fd : start.sockets) act_on(fd);
  for (const int fd : start.http_sockets) act_on(fd);
  for (const int fd : start.crash_files) act_on(fd);
  for (const auto& inbox : start.inboxes) {
    act_on(inbox.in);
    act_on(inbox.out);
  }
}

}  // namespace appd::launch

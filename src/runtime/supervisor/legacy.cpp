#include "runtime/supervisor/legacy.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <boost/property_tree/json_parser.hpp>
#include <boost/property_tree/ptree.hpp>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "runtime/support/throw_errno.hpp"

namespace appd::supervisor {
namespace {

using boost::property_tree::ptree;

// Of what is written here; another one is not understood.
constexpr int kFormat = 1;

template <typename List, typename Write>
ptree to_array(const List& list, Write write) {
  ptree array;
  for (const auto& each : list) array.push_back({"", write(each)});
  return array;
}

template <typename Each, typename Read>
std::vector<Each> from_array(const ptree& all, const char* name, Read read) {
  std::vector<Each> list;
  for (const auto& [key, value] : all.get_child(name)) list.push_back(read(value));
  return list;
}

ptree to_tree(const Legacy& legacy) {
  ptree all;
  all.put("format", kFormat);
  all.put("generation", legacy.generation);
  all.put("box_in", legacy.box_in);
  all.put("box_out", legacy.box_out);
  all.put("pid_file", legacy.pid_file);
  all.put("control", legacy.control);
  all.add_child("workers", to_array(legacy.workers, [](const Legacy::Worker& worker) {
                  ptree one;
                  one.put("index", worker.index);
                  one.put("pid", worker.pid);
                  one.put("link", worker.link);
                  one.put("ready", worker.ready);
                  one.put("retired", worker.retired);
                  return one;
                }));
  all.add_child("sockets", to_array(legacy.sockets, [](const Legacy::Socket& socket) {
                  ptree one;
                  one.put("address", socket.address);
                  one.put("fd", socket.fd);
                  one.put("owns_file", socket.owns_file);
                  return one;
                }));
  all.add_child("passed", to_array(legacy.passed, [](const Legacy::Passed& passed) {
                  ptree one;
                  one.put("name", passed.name);
                  one.put("fd", passed.fd);
                  return one;
                }));
  all.add_child("callers", to_array(legacy.callers, [](int fd) {
                  ptree one;
                  one.put_value(fd);
                  return one;
                }));
  return all;
}

Legacy from_tree(const ptree& all) {
  if (all.get<int>("format") != kFormat) throw std::runtime_error("a format that is not known");
  Legacy legacy;
  legacy.generation = all.get<unsigned>("generation");
  legacy.box_in = all.get<int>("box_in");
  legacy.box_out = all.get<int>("box_out");
  legacy.pid_file = all.get<int>("pid_file");
  legacy.control = all.get<int>("control");
  legacy.workers = from_array<Legacy::Worker>(all, "workers", [](const ptree& one) {
    return Legacy::Worker{one.get<unsigned>("index"), one.get<pid_t>("pid"), one.get<int>("link"),
                          one.get<bool>("ready"), one.get<bool>("retired")};
  });
  legacy.sockets = from_array<Legacy::Socket>(all, "sockets", [](const ptree& one) {
    return Legacy::Socket{one.get<std::string>("address"), one.get<int>("fd"),
                          one.get<bool>("owns_file")};
  });
  legacy.passed = from_array<Legacy::Passed>(all, "passed", [](const ptree& one) {
    return Legacy::Passed{one.get<std::string>("name"), one.get<int>("fd")};
  });
  legacy.callers =
      from_array<int>(all, "callers", [](const ptree& one) { return one.get_value<int>(); });
  return legacy;
}

void set_close_on_exec(int fd, bool close) noexcept {
  if (fd >= 0) ::fcntl(fd, F_SETFD, close ? FD_CLOEXEC : 0);
}

}  // namespace

support::UniqueFd store(const Legacy& legacy) {
  std::ostringstream text;
  boost::property_tree::write_json(text, to_tree(legacy), false);
  const std::string bytes = text.str();
  support::UniqueFd file(::memfd_create("appd-legacy", MFD_CLOEXEC));
  if (!file) support::throw_errno("memfd_create");
  if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    support::throw_errno("write", "legacy");
  }
  return file;
}

Legacy load_legacy(const support::UniqueFd& file) {
  std::string bytes;
  std::array<char, 4096> buffer;
  ssize_t got = 0;
  while ((got = ::pread(file.get(), buffer.data(), buffer.size(),
                        static_cast<off_t>(bytes.size()))) > 0) {
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
  std::istringstream text(bytes);
  ptree all;
  try {
    boost::property_tree::read_json(text, all);
    return from_tree(all);
  } catch (const std::exception& error) {
    throw std::runtime_error(std::string("what the last appd left cannot be read: ") +
                             error.what());
  }
}

void keep_over_exec(const Legacy& legacy, const support::UniqueFd& file, bool keep) noexcept {
  for (const int fd :
       {file.get(), legacy.box_in, legacy.box_out, legacy.pid_file, legacy.control}) {
    set_close_on_exec(fd, !keep);
  }
  for (const auto& worker : legacy.workers) set_close_on_exec(worker.link, !keep);
  for (const auto& socket : legacy.sockets) set_close_on_exec(socket.fd, !keep);
  for (const auto& passed : legacy.passed) set_close_on_exec(passed.fd, !keep);
  for (const int fd : legacy.callers) set_close_on_exec(fd, !keep);
}

}  // namespace appd::supervisor

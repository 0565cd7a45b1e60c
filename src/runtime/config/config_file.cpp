// Parses ini files line by line.

#include "runtime/config/config_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "runtime/config/config_error.hpp"
#include "runtime/support/ascii.hpp"
#include "runtime/support/path_actor.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::config {
namespace {

constexpr std::string_view kSection = "[appd]";

using support::trim;

// Collects entries, one line at a time.
class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  void on_line(std::string_view line) {
    ++line_;
    if (line.empty() || line.front() == '#' || line.front() == ';') return;
    if (line.front() == '[') return on_section(line);
    on_entry(line);
  }

  std::vector<FileEntry> take() { return std::move(entries_); }

 private:
  [[noreturn]] void fail(std::string_view why) const {
    throw ConfigError(fmt::format("{}:{}: {}", name_, line_, why));
  }

  void on_section(std::string_view line) {
    in_section_ = false;
    if (line == "[uwsgi]") {
      fail(
          fmt::format("{} is a section of uWSGI; appd reads only {}. Rename it: appd then gives "
                      "its own name for each option of uWSGI",
                      line, kSection));
    }
    if (line != kSection) fail(fmt::format("unknown section {}; only {} is read", line, kSection));
    in_section_ = true;
  }

  void on_entry(std::string_view line) {
    const std::size_t equals = line.find('=');
    const std::string_view key = trim(line.substr(0, equals));
    if (equals == std::string_view::npos || key.empty()) {
      fail(fmt::format("expected key = value, a comment or {}, not: {}", kSection, line));
    }
    if (!in_section_) fail(fmt::format("{}: must come after the line {}", key, kSection));
    entries_.push_back({std::string(key), std::string(trim(line.substr(equals + 1))), line_});
  }

  const std::string& name_;
  unsigned line_ = 0;
  bool in_section_ = false;
  std::vector<FileEntry> entries_;
};

template <typename OnLine>
void for_each_line(std::string_view text, OnLine on_line) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    on_line(trim(line));
  }
}

}  // namespace

std::vector<FileEntry> parse_ini(std::string_view text, const std::string& name) {
  Reader reader(name);
  for_each_line(text, [&reader](std::string_view line) { reader.on_line(line); });
  return reader.take();
}

std::vector<FileEntry> parse_ini(std::string_view text, const std::string& name,
                                 const std::function<void(const std::string&)>& tell) {
  Reader reader(name);
  for_each_line(text, [&](std::string_view line) {
    try {
      reader.on_line(line);
    } catch (const ConfigError& error) {
      tell(error.what());
    }
  });
  return reader.take();
}

std::string read_file(const std::string& name, const support::Account* account) {
  const auto fail = [&](const std::error_code& why) {
    return ConfigError(fmt::format("{}: cannot be read{}: {}", name,
                                   support::PathActor(name, account).describe(), why.message()));
  };
  support::UniqueFd file;
  try {
    file = support::open_for(account, name, O_RDONLY);
  } catch (const std::system_error& error) {
    throw fail(error.code());
  } catch (const std::runtime_error& error) {
    throw ConfigError(error.what());
  }
  std::string content;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size == 0) return content;
    if (size > 0) content.append(buffer.data(), static_cast<std::size_t>(size));
    if (size < 0 && errno != EINTR) throw fail({errno, std::generic_category()});
  }
}

}  // namespace appd::config

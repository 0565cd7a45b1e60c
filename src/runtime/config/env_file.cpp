// A parser for systemd's EnvironmentFile= format.

#include "runtime/config/env_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "runtime/config/config_error.hpp"
#include "runtime/config/config_file.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::config {
namespace {

constexpr std::string_view kExport = "export";

bool is_blank(char c) {
  return support::kBlanks.find(c) != std::string_view::npos;
}

class EnvFileParser {
 public:
  EnvFileParser(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  Variables parse() {
    while (!rest_.empty()) parse_line();
    return std::move(variables_);
  }

 private:
  [[noreturn]] void fail(unsigned line, std::string_view why) const {
    throw ConfigError(fmt::format("{}:{}: {}", name_, line, why));
  }

  bool at(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool at_line_end() const { return rest_.empty() || at('\n'); }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == '\n') ++line_;
    if (c == '\0') fail(line_, "contains a zero byte");
    return c;
  }

  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) take();
  }

  void parse_line() {
    skip_blanks();
    if (at('#') || at(';')) {
      while (!at_line_end()) take();
    } else if (!at_line_end()) {
      parse_variable();
    }
    if (!rest_.empty()) take();
  }

  void parse_variable() {
    std::string variable = take_name();
    if (variable == kExport && !rest_.empty() && is_blank(rest_.front())) {
      skip_blanks();
      variable = take_name();
    }
    if (variable.empty() || !at('=')) fail(line_, "expected NAME=VALUE or a comment");
    take();
    variables_.emplace_back(std::move(variable), take_value());
  }

  std::string take_name() {
    std::string found;
    if (rest_.empty() || !support::may_begin_name(rest_.front())) return found;
    while (!rest_.empty() && support::may_be_in_name(rest_.front())) found += take();
    return found;
  }

  std::string take_value() {
    skip_blanks();
    if (!at('"') && !at('\'')) return take_plain();
    const unsigned begin = line_;
    std::string value = take_quoted(take(), begin);
    skip_blanks();
    if (!at_line_end()) fail(line_, "has text after the closing quote");
    return value;
  }

  std::string take_plain() {
    std::string value;
    std::size_t kept = 0;  // without blanks at the end
    while (!at_line_end()) {
      const bool escaped = at('\\');
      if (escaped) take();
      if (rest_.empty()) break;
      const char c = take();
      if (escaped && c == '\n') continue;
      value += c;
      if (escaped || !is_blank(c)) kept = value.size();
    }
    value.resize(kept);
    return value;
  }

  std::string take_quoted(char quote, unsigned begin) {
    std::string value;
    while (!rest_.empty()) {
      const char c = take();
      if (c == quote) return value;
      if (c == '\\' && quote == '"' && !rest_.empty()) {
        take_escaped(value);
      } else {
        value += c;
      }
    }
    fail(begin, "has an unclosed quote");
  }

  void take_escaped(std::string& value) {
    constexpr std::string_view kEscaped = "\"\\$`";
    const char c = take();
    if (c == '\n') return;
    if (kEscaped.find(c) == std::string_view::npos) value += '\\';
    value += c;
  }

  std::string_view rest_;
  const std::string& name_;
  unsigned line_ = 1;
  Variables variables_;
};

}  // namespace

Variables parse_env_file(std::string_view text, const std::string& name) {
  return EnvFileParser(text, name).parse();
}

Settings with_env_files(Settings settings, const support::Account* account) {
  Variables all;
  for (const std::string& name : settings.env_files) {
    Variables found = parse_env_file(read_file(name, account), name);
    std::move(found.begin(), found.end(), std::back_inserter(all));
  }
  std::move(settings.env.begin(), settings.env.end(), std::back_inserter(all));
  settings.env = std::move(all);
  return settings;
}

}  // namespace appd::config

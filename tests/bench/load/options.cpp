// Parses the command line of appd_load.

#include "bench/load/options.hpp"

#include <fmt/format.h>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/variables_map.hpp>
#include <charconv>
#include <iostream>
#include <sstream>
#include <string_view>
#include <vector>

namespace appd::load {
namespace {

namespace po = boost::program_options;

constexpr std::string_view kSummary =
    "appd_load --wire WIRE --address ADDRESS (--requests N | --seconds S) [option …]\n"
    "\n"
    "A closed loop of requests over some connections. Every response is checked: one that fails "
    "or\n"
    "is not what it must be makes the run invalid (exit code 1, the cause on stderr). Otherwise\n"
    "one JSON object on stdout has the figures of all requests begun after the warm-up.\n";

po::options_description describe() {
  po::options_description all("Options");
  const auto value = [](const char* name) { return po::value<std::string>()->value_name(name); };
  auto add = all.add_options();
  add("help", "this text");
  add("wire", value("WIRE"), "fastcgi-kept, fastcgi, uwsgi, scgi, http or http-closed");
  add("address", value("ADDRESS"), "a Unix socket's path, or HOST:PORT");
  add("connections", value("N"), "how many at a time; default 16");
  add("requests", value("N"), "how many to count");
  add("seconds", value("S"), "for how long to count");
  add("warm-up", value("S"), "for how long to check without counting; default 0");
  add("path", value("PATH"), "what is asked for; with its query, if any");
  add("method", value("METHOD"), "default GET");
  add("body", value("BYTES"), "of each request; default 0, none");
  add("status", value("STATUS"), "of each response; default 200");
  add("length", value("BYTES"), "of each response's body; default: that of the first");
  add("beside", value("PATH,CONNECTIONS,LENGTH"),
      "a second kind of request, from connections of its own, for as long as the first runs");
  add("idle", value("N"),
      "after the warm-up open N further connections, make one request on each where the wire keeps "
      "connections, and leave them open");
  add("server-pid", value("PID"), "report CPU time and memory of this process and its descendants");
  return all;
}

template <class Number>
Number parse_number(std::string_view text, std::string_view option) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    throw UsageError(fmt::format("--{}: \"{}\" is not a number that fits", option, text));
  }
  return number;
}

/// The values given, by option.
class Given {
 public:
  explicit Given(const po::variables_map& values) : values_(values) {}

  bool has(const char* option) const { return values_.count(option) > 0; }

  std::string text(const char* option) const {
    if (!has(option)) throw UsageError(fmt::format("--{} is needed", option));
    return values_[option].as<std::string>();
  }
  void text(const char* option, std::string& target) const {
    if (has(option)) target = text(option);
  }
  template <class Number>
  void number(const char* option, Number& target) const {
    if (has(option)) target = parse_number<Number>(text(option), option);
  }
  template <class Number>
  void number(const char* option, std::optional<Number>& target) const {
    if (has(option)) target = parse_number<Number>(text(option), option);
  }
  void seconds(const char* option, std::chrono::nanoseconds& target) const {
    double value = 0;
    number(option, value);
    constexpr double kDay = 86400;
    if (!(value <= kDay)) throw UsageError(fmt::format("--{}: more than a day", option));
    target =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(value));
  }

 private:
  const po::variables_map& values_;
};

KindOptions parse_beside(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  if (parts.size() != 3) throw UsageError("--beside wants PATH,CONNECTIONS,LENGTH");
  KindOptions kind;
  kind.request.path = parts[0];
  kind.connections = parse_number<std::size_t>(parts[1], "beside");
  kind.length = parse_number<std::uint64_t>(parts[2], "beside");
  return kind;
}

KindOptions parse_kind(const Given& given) {
  KindOptions kind;
  given.number("connections", kind.connections);
  given.text("path", kind.request.path);
  given.text("method", kind.request.method);
  given.number("body", kind.request.body);
  given.number("status", kind.status);
  given.number("length", kind.length);
  return kind;
}

Options to_options(const Given& given) {
  Options options;
  const std::string wire = given.text("wire");
  if (const auto known = parse_wire(wire)) {
    options.wire = *known;
  } else {
    throw UsageError(fmt::format("--wire: \"{}\" is not known", wire));
  }
  options.address = given.text("address");
  options.kind = parse_kind(given);
  if (given.has("beside")) options.beside = parse_beside(given.text("beside"));
  if (given.has("requests") == given.has("seconds")) {
    throw UsageError("either --requests or --seconds is needed");
  }
  given.number("requests", options.requests);
  if (given.has("seconds")) given.seconds("seconds", options.duration.emplace());
  given.seconds("warm-up", options.warm_up);
  given.number("idle", options.idle_connections);
  given.number("server-pid", options.server);
  if (options.kind.connections == 0 || options.requests == 0U) {
    throw UsageError("at least one connection and one request are needed");
  }
  return options;
}

}  // namespace

std::optional<Options> parse_options(int argc, const char* const* argv) {
  const po::options_description described = describe();
  po::variables_map values;
  try {
    // No abbreviations: a new option must not change what an old command line means.
    const int style =
        po::command_line_style::default_style ^ po::command_line_style::allow_guessing;
    po::store(
        po::command_line_parser(argc, argv).options(described).positional({}).style(style).run(),
        values);
  } catch (const po::error& error) {
    throw UsageError(error.what());
  }
  if (values.count("help") > 0) {
    std::cout << kSummary << '\n' << described;
    return std::nullopt;
  }
  return to_options(Given(values));
}

}  // namespace appd::load

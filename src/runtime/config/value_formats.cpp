// Parses and shows sizes, durations, statuses and the other kinds of values.

#include "runtime/config/value_formats.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <span>

#include "runtime/support/ascii.hpp"
#include "runtime/support/whole_number.hpp"

namespace appd::config {
namespace {

constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMostPort = 65'535;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr Unit kSizes[] = {{"", 1},          {"k", 1 << 10}, {"kib", 1 << 10}, {"m", 1 << 20},
                           {"mib", 1 << 20}, {"g", 1 << 30}, {"gib", 1 << 30}};
constexpr Unit kDurations[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
constexpr std::uint64_t kLongest = std::uint64_t{365} * 24 * 3'600'000;

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), support::to_lower);
  return lower;
}

// Digits followed by one of the units; the result is in the smallest unit.
std::optional<std::uint64_t> to_quantity(std::string_view text, std::span<const Unit> units) {
  const auto digits = std::find_if_not(text.begin(), text.end(), support::is_digit);
  const auto number = support::whole_number({text.begin(), digits});
  const std::string name = to_lower({digits, text.end()});
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [&](const Unit& candidate) { return candidate.name == name; });
  if (!number || unit == units.end() || *number > kMost / unit->factor) return std::nullopt;
  return *number * unit->factor;
}

/// "host", "host:port" or "[address]:port".
bool is_host(std::string_view text) {
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : text.npos;
  if (text.starts_with('[') && bracket == text.npos) return false;
  const std::size_t end =
      bracket == text.npos ? std::min(text.find(':'), text.size()) : bracket + 1;
  const auto named = [](char c) {
    return std::string_view("@\\\"<>^`{|}").find(c) == std::string_view::npos;
  };
  if (end == 0 || !std::all_of(text.begin(), text.end(), named)) return false;
  const std::string_view port = text.substr(end);
  if (port.empty()) return true;
  const std::uint64_t number = support::whole_number(port.substr(1)).value_or(0);
  return port.front() == ':' && number > 0 && number <= kMostPort;
}

/// "404" or "3xx".
StatusRange parse_status(std::string_view text) {
  const bool whole_class = text.size() == 3 && to_lower(text.substr(1)) == "xx";
  const auto number = support::whole_number(whole_class ? text.substr(0, 1) : text);
  if (whole_class && number && *number >= 1 && *number <= 5) {
    const auto first = static_cast<unsigned>(*number * 100);
    return {first, first + 99};
  }
  if (!number || *number < 100 || *number > 599) {
    throw BadValue("statuses separated by commas, such as 301,404, or classes, such as 3xx");
  }
  return {static_cast<unsigned>(*number), static_cast<unsigned>(*number)};
}

/// "debug, info or error"
std::string alternatives(std::span<const std::string_view> words) {
  const std::span<const std::string_view> first = words.first(words.size() - 1);
  return fmt::format("{} or {}", fmt::join(first, ", "), words.back());
}

std::size_t place_of(std::string_view text, std::span<const std::string_view> words) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) throw BadValue(alternatives(words));
  return static_cast<std::size_t>(found - words.begin());
}

std::string show_quantity(std::uint64_t value, std::span<const Unit> largest_first) {
  for (const Unit& unit : largest_first) {
    if (value != 0 && value % unit.factor == 0) {
      return fmt::format("{}{}", value / unit.factor, unit.name);
    }
  }
  return std::to_string(value);
}

}  // namespace

std::uint64_t parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  const auto number = support::whole_number(text);
  if (!number || *number < least || *number > most) {
    throw BadValue(fmt::format("a number from {} to {}", least, most));
  }
  return *number;
}

support::IpNetwork Network::parse(std::string_view text) {
  if (const auto network = support::IpNetwork::parse(text)) return *network;
  throw BadValue(
      "an address such as 192.0.2.7 or ::1, or a network without bits beyond its prefix, such as "
      "10.0.0.0/8 or fd00::/8");
}

std::string FileName::parse(std::string_view text) {
  if (text.starts_with('.') || text.find('/') != std::string_view::npos) {
    throw BadValue("a file's name without a path, such as index.html");
  }
  return std::string(text);
}

Folder FolderAt::parse(std::string_view text) {
  const std::size_t equals = text.find('=');
  const bool is_mount =
      text.starts_with('/') && equals != std::string_view::npos && equals + 1 < text.size();
  if (!is_mount) throw BadValue("/prefix=DIR, such as /static=/srv/site/static");
  std::string_view prefix = text.substr(0, equals);
  if (prefix.find('%') != std::string_view::npos) {
    throw BadValue("/prefix=DIR, with a prefix that is not percent-encoded");
  }
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  return {std::string(prefix.empty() ? "/" : prefix), std::string(text.substr(equals + 1))};
}

std::string FolderAt::show(const Folder& value) {
  return value.prefix + "=" + value.path;
}

TrustedProxy Proxy::parse(std::string_view text) {
  if (text == "unix") return std::nullopt;
  if (auto network = support::IpNetwork::parse(text)) return network;
  throw BadValue("an address such as 192.0.2.7, a network such as 10.0.0.0/8, or unix");
}

std::string Proxy::show(const TrustedProxy& value) {
  return value ? value->to_string() : "unix";
}

ProxyHeaders ProxyFields::parse(std::string_view text) {
  return static_cast<ProxyHeaders>(place_of(text, kWords));
}

std::string ProxyFields::show(ProxyHeaders value) {
  return std::string(kWords[static_cast<std::size_t>(value)]);
}

Assignment::Pair Assignment::parse(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) throw BadValue("NAME=VALUE");
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

std::string Prefix::parse(std::string_view text) {
  if (!text.starts_with('/') || text.ends_with('/')) {
    throw BadValue("a path such as /prefix, which begins with a slash and does not end with one");
  }
  return std::string(text);
}

bool Flag::parse(std::string_view text) {
  const std::string lower = to_lower(text);
  for (const char* yes : {"true", "yes", "on", "1"}) {
    if (lower == yes) return true;
  }
  for (const char* no : {"false", "no", "off", "0"}) {
    if (lower == no) return false;
  }
  throw BadValue(alternatives(kWords));
}

namespace {
unsigned parse_permissions(std::string_view text, const char* example) {
  const auto bits = support::whole_number(text, 8);
  if (!bits || *bits > 0777)
    throw BadValue(fmt::format("permission bits in octal, such as {}", example));
  return static_cast<unsigned>(*bits);
}
}  // namespace

unsigned FileMode::parse(std::string_view text) {
  return parse_permissions(text, "0660");
}

std::string FileMode::show(unsigned value) {
  return fmt::format("{:04o}", value);
}

std::optional<unsigned> FileMask::parse(std::string_view text) {
  return parse_permissions(text, "0027");
}

std::string FileMask::show(std::optional<unsigned> value) {
  return value ? FileMode::show(*value) : "";
}

std::uint64_t Size::parse(std::string_view text) {
  if (const auto bytes = to_quantity(text, kSizes)) return *bytes;
  throw BadValue("a size in bytes, or with K, M or G, such as 256K");
}

std::string Size::show(std::uint64_t value) {
  constexpr Unit kShown[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}};
  return show_quantity(value, kShown);
}

std::uint64_t SomeSize::parse(std::string_view text) {
  const std::uint64_t bytes = Size::parse(text);
  if (bytes == 0) throw BadValue("a size above 0, such as 256K");
  return bytes;
}

std::chrono::milliseconds Duration::parse(std::string_view text) {
  const auto duration = to_quantity(text, kDurations);
  if (!duration || *duration > kLongest) {
    throw BadValue("a duration of at most a year in seconds, or with a unit: 500ms, 30s, 2m, 1h");
  }
  return std::chrono::milliseconds(*duration);
}

std::string Duration::show(std::chrono::milliseconds value) {
  constexpr Unit kShown[] = {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
  return show_quantity(static_cast<std::uint64_t>(value.count()), kShown);
}

std::chrono::milliseconds SomeDuration::parse(std::string_view text) {
  const std::chrono::milliseconds duration = Duration::parse(text);
  if (duration.count() == 0) throw BadValue("a duration above 0, such as 30s");
  return duration;
}

std::chrono::milliseconds WholeSeconds::parse(std::string_view text) {
  const std::chrono::milliseconds duration = Duration::parse(text);
  if (duration.count() % 1000 != 0) throw BadValue("a duration of whole seconds, such as 1h");
  return duration;
}

std::optional<MaxCrashes> CrashesWithin::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  try {
    if (slash == std::string_view::npos) throw BadValue("no slash");
    return MaxCrashes{Count<0, 10'000>::parse(text.substr(0, slash)),
                      SomeDuration::parse(text.substr(slash + 1))};
  } catch (const BadValue&) {
    throw BadValue("a number up to 10000 and a duration above 0, such as 5/60s");
  }
}

std::string CrashesWithin::show(const std::optional<MaxCrashes>& value) {
  return value ? fmt::format("{}/{}", value->crashes, SomeDuration::show(value->within)) : "";
}

ProtocolChoice Protocol::parse(std::string_view text) {
  return static_cast<ProtocolChoice>(place_of(text, kWords));
}

std::string Protocol::show(ProtocolChoice value) {
  return std::string(kWords[static_cast<std::size_t>(value)]);
}

WorkerRange Workers::parse(std::string_view text) {
  if (text == "auto") return {};
  try {
    const std::size_t dots = text.find("..");
    const unsigned least = Count<1, kMost>::parse(text.substr(0, dots));
    if (dots == std::string_view::npos) return {least, least};
    const std::string_view most = text.substr(dots + 2);
    const WorkerRange range{least, most == "auto" ? 0 : Count<1, kMost>::parse(most)};
    if (range.most == 0 || range.least <= range.most) return range;
  } catch (const BadValue&) {
  }
  throw BadValue(
      fmt::format("a number from 1 to {}, a range such as 2..8 or 2..auto, or auto", kMost));
}

WorkerRange Workers::settle(WorkerRange value, unsigned cpus) noexcept {
  const unsigned automatic = std::min(cpus, kMost);
  if (value.least == 0) value.least = automatic;
  if (value.most == 0) value.most = std::max(value.least, automatic);
  return value;
}

std::string Workers::show(WorkerRange value) {
  const auto show_bound = [](unsigned n) { return n == 0 ? "auto" : std::to_string(n); };
  const std::string least = show_bound(value.least);
  return value.least == value.most ? least : fmt::format("{}..{}", least, show_bound(value.most));
}

std::uint64_t Number::parse(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) throw BadValue("a number");
  return value;
}

ReloadStrategy Strategy::parse(std::string_view text) {
  return static_cast<ReloadStrategy>(place_of(text, kWords));
}

std::string Strategy::show(ReloadStrategy value) {
  return std::string(kWords[static_cast<std::size_t>(value)]);
}

WarmUp WarmUpTarget::parse(std::string_view text) {
  const BadValue bad(
      "a path such as /health?full=1 or a URL such as https://example.org/health, in ASCII without "
      "blanks");
  const auto stays = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!std::all_of(text.begin(), text.end(), stays)) throw bad;
  WarmUp value;
  if (!text.starts_with('/')) {
    const std::size_t scheme = text.find("://");
    const std::string name = to_lower(text.substr(0, scheme));
    if (scheme == std::string_view::npos || (name != "http" && name != "https")) throw bad;
    value.https = name == "https";
    text.remove_prefix(scheme + 3);
    const std::string_view host = text.substr(0, text.find_first_of("/?#"));
    if (!is_host(host)) throw bad;
    value.host = host;
    text.remove_prefix(host.size());
  }
  if (!text.starts_with('/')) value.target = '/';
  value.target += text;
  return value;
}

std::string WarmUpTarget::show(const WarmUp& value) {
  if (value.host.empty()) return value.target;
  return fmt::format("http{}://{}{}", value.https ? "s" : "", value.host, value.target);
}

std::vector<StatusRange> Statuses::parse(std::string_view text) {
  std::vector<StatusRange> ranges;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    ranges.push_back(parse_status(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return ranges;
}

std::string Statuses::show(const std::vector<StatusRange>& value) {
  std::string text;
  for (const auto& [first, last] : value) {
    text += text.empty() ? "" : ",";
    text += first == last ? std::to_string(first) : fmt::format("{}xx", first / 100);
  }
  return text;
}

Preload PreloadMode::parse(std::string_view text) {
  if (to_lower(text) == "force") return Preload::force;
  try {
    return Flag::parse(text) ? Preload::on : Preload::off;
  } catch (const BadValue&) {
    throw BadValue(alternatives(kWords));
  }
}

std::string PreloadMode::show(Preload value) {
  return value == Preload::force ? "force" : Flag::show(value == Preload::on);
}

std::string LogLevel::parse(std::string_view text) {
  return std::string(kWords[place_of(text, kWords)]);
}

}  // namespace appd::config

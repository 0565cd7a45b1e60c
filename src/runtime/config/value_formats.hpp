// How each kind of option value is read from text and shown as text.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/config/settings.hpp"

namespace appd::config {

/// A text that an option does not accept. `what` says what it accepts: "a number from 1 to 8".
class BadValue : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reads a number, digits only, within the bounds. Throws BadValue.
std::uint64_t parse_number(std::string_view text, std::uint64_t least, std::uint64_t most);

// Each format reads a value from text and shows it as text, so that parse(show(x)) == x. `parse`
// throws BadValue. Its texts are not empty and contain no control characters. `kWords` are values
// that are words, if there are any: what the help of a shell offers.

struct Text {
  static std::string parse(std::string_view text) { return std::string(text); }
  static std::string show(const std::string& value) { return value; }
};

/// "NAME=value"; the name must not be empty.
struct Assignment {
  using Pair = std::pair<std::string, std::string>;
  static Pair parse(std::string_view text);
  static std::string show(const Pair& value) { return value.first + "=" + value.second; }
};

/// "/prefix", without a trailing slash.
struct Prefix {
  static std::string parse(std::string_view text);
  static std::string show(const std::string& value) { return value; }
};

/// true, yes, on, 1; or false, no, off, 0.
struct Flag {
  static constexpr std::array<std::string_view, 2> kWords{"true", "false"};
  static bool parse(std::string_view text);
  static std::string show(bool value) { return value ? "true" : "false"; }
};

template <unsigned Least, unsigned Most>
struct Count {
  static unsigned parse(std::string_view text) {
    return static_cast<unsigned>(parse_number(text, Least, Most));
  }
  static std::string show(unsigned value) { return std::to_string(value); }
};

/// Any unsigned number.
struct Number {
  static std::uint64_t parse(std::string_view text);
  static std::string show(std::uint64_t value) { return std::to_string(value); }
};

/// N, MIN..MAX, MIN..auto, or "auto". "auto" is 0 until the machine is known.
struct Workers {
  static constexpr unsigned kMost = 1024;
  static constexpr std::array<std::string_view, 1> kWords{"auto"};
  static WorkerRange parse(std::string_view text);
  /// Puts the number of CPUs in the place of "auto": kMost at most, and in MIN..auto MIN at least.
  static WorkerRange settle(WorkerRange value, unsigned cpus) noexcept;
  static std::string show(WorkerRange value);
};

/// An IP address or network.
struct Network {
  static support::IpNetwork parse(std::string_view text);
  static std::string show(const support::IpNetwork& value) { return value.to_string(); }
};

/// What Network takes, or "unix".
struct Proxy {
  static TrustedProxy parse(std::string_view text);
  static std::string show(const TrustedProxy& value);
};

struct ProxyFields {
  /// In the order of ProxyHeaders.
  static constexpr std::array<std::string_view, 2> kWords{"x-forwarded", "forwarded"};
  static ProxyHeaders parse(std::string_view text);
  static std::string show(ProxyHeaders value);
};

/// Permission bits in octal.
struct FileMode {
  static unsigned parse(std::string_view text);
  static std::string show(unsigned value);
};

/// The bits that new files do not get, in octal; std::nullopt if not set.
struct FileMask {
  static std::optional<unsigned> parse(std::string_view text);
  static std::string show(std::optional<unsigned> value);
};

/// A size in bytes; K, M or G (also KiB …) are powers of 1024.
struct Size {
  static std::uint64_t parse(std::string_view text);
  static std::string show(std::uint64_t value);
};

/// A size other than 0.
struct SomeSize : Size {
  static std::uint64_t parse(std::string_view text);
};

/// Seconds, or a number with a unit: 500ms, 30s, 2m, 1h.
struct Duration {
  static std::chrono::milliseconds parse(std::string_view text);
  static std::string show(std::chrono::milliseconds value);
};

/// A duration other than 0.
struct SomeDuration : Duration {
  static std::chrono::milliseconds parse(std::string_view text);
};

/// A duration without a part of a second.
struct WholeSeconds : Duration {
  static std::chrono::milliseconds parse(std::string_view text);
};

/// "N/TIME", such as 5/60s; std::nullopt if not set.
struct CrashesWithin {
  static std::optional<MaxCrashes> parse(std::string_view text);
  static std::string show(const std::optional<MaxCrashes>& value);
};

/// The name of a file that clients may have: no path, and no dot before it.
struct FileName : Text {
  static std::string parse(std::string_view text);
};

/// /prefix=DIR; the prefix is percent-decoded.
struct FolderAt {
  static Folder parse(std::string_view text);
  static std::string show(const Folder& value);
};

struct Protocol {
  /// In the order of ProtocolChoice.
  static constexpr std::array<std::string_view, 5> kWords{"auto", "fastcgi", "uwsgi", "scgi",
                                                          "http"};
  static ProtocolChoice parse(std::string_view text);
  static std::string show(ProtocolChoice value);
};

/// The values of Flag, or "force".
struct PreloadMode {
  static constexpr std::array<std::string_view, 3> kWords{"true", "false", "force"};
  static Preload parse(std::string_view text);
  static std::string show(Preload value);
};

struct Strategy {
  /// In the order of ReloadStrategy.
  static constexpr std::array<std::string_view, 2> kWords{"overlap", "rolling"};
  static ReloadStrategy parse(std::string_view text);
  static std::string show(ReloadStrategy value);
};

/// A path with an optional query, or a whole http or https URL.
struct WarmUpTarget {
  static WarmUp parse(std::string_view text);
  static std::string show(const WarmUp& value);
};

/// Statuses and classes of statuses: "301,404", "3xx".
struct Statuses {
  static std::vector<StatusRange> parse(std::string_view text);
  static std::string show(const std::vector<StatusRange>& value);
};

struct LogLevel {
  static constexpr std::array<std::string_view, 4> kWords{"debug", "info", "warning", "error"};
  static std::string parse(std::string_view text);
  static std::string show(const std::string& value) { return value; }
};

}  // namespace appd::config

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/config/settings.hpp"

namespace appd::config {

/// A text is not what an option takes; `what` says what would be: "a number from 1 to 8".
class BadValue : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Number of digits only, within the bounds; throws BadValue.
std::uint64_t parse_number(std::string_view text, std::uint64_t least, std::uint64_t most);

// Formats: how a value is read from a text and shown as one, so that parse(show(x)) == x.
// `parse` throws BadValue; texts are never empty and hold no control characters.

struct Text {
  static std::string parse(std::string_view text) { return std::string(text); }
  static std::string show(const std::string& value) { return value; }
};

/// "NAME=value", with a name.
struct Assignment {
  using Pair = std::pair<std::string, std::string>;
  static Pair parse(std::string_view text);
  static std::string show(const Pair& value) { return value.first + "=" + value.second; }
};

/// "/prefix", without a slash at its end.
struct Prefix {
  static std::string parse(std::string_view text);
  static std::string show(const std::string& value) { return value; }
};

/// true, yes, on, 1 or false, no, off, 0.
struct Flag {
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

/// A number of anything.
struct Number {
  static std::uint64_t parse(std::string_view text);
  static std::string show(std::uint64_t value) { return std::to_string(value); }
};

/// N, MIN..MAX, or "auto", which is 0..0 until the machine is known.
struct Workers {
  static constexpr unsigned kMost = 1024;
  static WorkerRange parse(std::string_view text);
  static std::string show(WorkerRange value);
};

/// An IP address or network.
struct Network {
  static support::IpNetwork parse(std::string_view text);
  static std::string show(const support::IpNetwork& value) { return value.to_string(); }
};

/// Permission bits, octal.
struct FileMode {
  static unsigned parse(std::string_view text);
  static std::string show(unsigned value);
};

/// The bits that new files do not get, octal; none: not set.
struct FileMask {
  static std::optional<unsigned> parse(std::string_view text);
  static std::string show(std::optional<unsigned> value);
};

/// Bytes, with K, M or G (also KiB …) for powers of 1024.
struct Size {
  static std::uint64_t parse(std::string_view text);
  static std::string show(std::uint64_t value);
};

/// A size that cannot be 0.
struct SomeSize : Size {
  static std::uint64_t parse(std::string_view text);
};

/// Seconds, or with a unit: 500ms, 30s, 2m, 1h.
struct Duration {
  static std::chrono::milliseconds parse(std::string_view text);
  static std::string show(std::chrono::milliseconds value);
};

/// A duration that cannot be 0.
struct SomeDuration : Duration {
  static std::chrono::milliseconds parse(std::string_view text);
};

/// "N/TIME", such as 5/60s; none: not set.
struct CrashesWithin {
  static std::optional<MaxCrashes> parse(std::string_view text);
  static std::string show(const std::optional<MaxCrashes>& value);
};

struct Protocol {
  static ProtocolChoice parse(std::string_view text);
  static std::string show(ProtocolChoice value);
};

/// As Flag, or "force".
struct PreloadMode {
  static Preload parse(std::string_view text);
  static std::string show(Preload value);
};

struct Strategy {
  static ReloadStrategy parse(std::string_view text);
  static std::string show(ReloadStrategy value);
};

/// A path with or without a query, as a request has it, or a whole http or https URL.
struct WarmUpTarget {
  static WarmUp parse(std::string_view text);
  static std::string show(const WarmUp& value);
};

/// "301,404", "3xx": statuses and whole classes of them.
struct Statuses {
  static std::vector<StatusRange> parse(std::string_view text);
  static std::string show(const std::vector<StatusRange>& value);
};

struct LogLevel {
  static std::string parse(std::string_view text);
  static std::string show(const std::string& value) { return value; }
};

}  // namespace appd::config

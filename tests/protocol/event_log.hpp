// Writes a decoder's events down as text, and checks its contract meanwhile.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/make_decoder.hpp"
#include "protocol/usual_limits.hpp"

namespace appd::protocol::testing {

/// The ends of an HTTP connection under test.
inline const HttpEnds kEnds{"192.0.2.7", 40000, "198.51.100.1", 8000};

inline HttpEnds ends_with(bool proxied) {
  HttpEnds ends = kEnds;
  ends.proxied = proxied;
  return ends;
}

/// How the caller of a decoder under test behaves.
struct Driving {
  enum class Release {
    at_end,   ///< at the end of the body, or when refused
    at_once,  ///< as soon as the variables are there
    never,    ///< not at all, as while the application works
  };
  DecoderLimits limits = kUsualLimits;
  Release release = Release::at_end;
  bool proxied = false;  ///< HTTP: the header of the PROXY protocol comes first
};

/// What a decoder made of its input. Adjacent portions of a body are one entry, so that the same
/// input gives the same log however it was cut.
///
///     request 1 keep   then a line NAME=value for each variable
///     body 1 bytes     end 1     cut 1     aborted 1
///     reply keep 0102… refused 1 400 close: detail     fatal: detail
struct EventLog {
  std::vector<std::string> events;
  bool inside_head = false;
  bool owes_body = false;
  std::string breach;  ///< of the decoder's contract; expected to be ""

  bool operator==(const EventLog&) const = default;
};

/// Bytes as one line of text: printable ASCII unchanged, the rest as \xNN.
inline std::string escape(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const bool plain = c >= 0x20 && c <= 0x7e && c != '\\';
    text += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return text;
}

inline std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

/// CONTENT_LENGTH if it is a number; else what the wire can do.
inline std::optional<std::uint64_t> body_length(Wire wire, const gateway::VariableBlock& block) {
  for (const auto& [name, value] : block.variables) {
    const bool digits = !value.empty() && value.size() < 19 &&
                        value.find_first_not_of("0123456789") == std::string_view::npos;
    if (name == "CONTENT_LENGTH" && digits) return std::stoull(std::string(value));
    if (wire == Wire::http && name == "HTTP_TRANSFER_ENCODING") return std::nullopt;
  }
  if (wire == Wire::fastcgi) return std::nullopt;
  return 0;
}

/// Drives a decoder as a connection does, and records its events.
class Driver {
 public:
  Driver(Wire wire, const Driving& driving)
      : wire_(wire),
        driving_(driving),
        decoder_(make_decoder(wire, driving.limits, blocks_, ends_with(driving.proxied))) {}

  void feed(std::string_view bytes) {
    // A copy of exactly this size: the sanitizer sees reads beyond it, or after this call.
    const auto copy = std::make_unique<char[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    std::string_view input(copy.get(), bytes.size());
    while (!fatal_) {
      const Event event = decoder_->next(input);
      if (event.kind == Event::Kind::starved) break;
      if (event.kind == Event::Kind::blocked) return;  // the connection would keep the input
      write_down(event);
    }
    if (!fatal_ && !input.empty()) log_.breach = "starved with input left";
  }

  EventLog log() {
    if (!fatal_) {
      log_.inside_head = decoder_->inside_head();
      log_.owes_body = decoder_->owes_body();
    }
    return log_;
  }
  Decoder& decoder() { return *decoder_; }

 private:
  void write_down(const Event& event) {
    const char* keep = event.keep_connection ? "keep" : "close";
    switch (event.kind) {
      case Event::Kind::starved:
      case Event::Kind::blocked:
        return;
      case Event::Kind::request:
        add(fmt::format("request {} {}{}{}", event.id, keep, event.http.old_version ? " old" : "",
                        event.http.awaits_continue ? " awaits" : ""));
        return take_request(event.id);
      case Event::Kind::body:
        return add_body(event);
      case Event::Kind::body_end:
        add(fmt::format("end {}", event.id));
        return release(event.id);
      case Event::Kind::body_cut:
        add(fmt::format("cut {}{}{}", event.id, event.detail.empty() ? "" : ": ", event.detail));
        return release(event.id);
      case Event::Kind::aborted:
        return add(fmt::format("aborted {}", event.id));
      case Event::Kind::reply:
        return add(fmt::format("reply {} {}", keep, hex(event.bytes)));
      case Event::Kind::refused:
        add(fmt::format("refused {} {} {}: {}", event.id, event.status, keep, event.detail));
        return release(event.id);
      case Event::Kind::fatal:
        fatal_ = true;
        return add("fatal: " + event.detail);
    }
  }

  void take_request(RequestId id) {
    decoder_->take_variables(id, block_);
    for (const auto& [name, value] : block_.variables) add(escape(name) + "=" + escape(value));
    if (driving_.release == Driving::Release::at_once) return decoder_->release(id);
    decoder_->expect_body(id, body_length(wire_, block_));
  }

  void add_body(const Event& event) {
    const auto entry = fmt::format("body {} ", event.id);
    if (event.bytes.empty()) log_.breach = "a body event without bytes";
    if (log_.events.back().rfind(entry, 0) != 0) add(entry);
    log_.events.back() += escape(event.bytes);
  }

  void release(RequestId id) {
    if (driving_.release != Driving::Release::never) decoder_->release(id);
  }

  void add(std::string entry) { log_.events.push_back(std::move(entry)); }

  Wire wire_;
  Driving driving_;
  gateway::BlockPool blocks_;
  std::unique_ptr<Decoder> decoder_;
  gateway::VariableBlock block_;
  EventLog log_;
  bool fatal_ = false;
};

/// The log of `bytes` fed in portions of `chunk` bytes.
inline EventLog decode(Wire wire, std::string_view bytes, std::size_t chunk,
                       const Driving& driving = {}) {
  Driver driver(wire, driving);
  for (std::size_t at = 0; at < bytes.size(); at += chunk) driver.feed(bytes.substr(at, chunk));
  return driver.log();
}

/// One row of a decoder's table.
struct DecoderCase {
  const char* name;
  std::string bytes;
  std::vector<std::string> events;
  Driving driving{};
  bool inside_head = false;
  bool owes_body = false;
};

}  // namespace appd::protocol::testing

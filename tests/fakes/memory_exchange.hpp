// An exchange without a connection, for tests of the application's side.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/gateway/exchange.hpp"

namespace appd::fakes {

using Variables = std::vector<std::pair<std::string, std::string>>;

/// Fills a request as a decoder does, and prepares it. A refusal is the caller's mistake.
inline void fill_request(gateway::Request& request, const Variables& variables) {
  gateway::VariableBlock& block = request.block();
  for (const auto& [name, value] : variables) {
    block.bytes.insert(block.bytes.end(), name.begin(), name.end());
    block.bytes.insert(block.bytes.end(), value.begin(), value.end());
  }
  std::string_view rest(block.bytes.data(), block.bytes.size());
  const auto take = [&rest](std::size_t size) {
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  };
  for (const auto& [name, value] : variables) {
    const std::string_view name_view = take(name.size());
    block.variables.push_back({name_view, take(value.size())});
  }
  static thread_local gateway::NameLayouts layouts;
  if (request.prepare({}, gateway::BodyEnd::on_wire, layouts)) std::abort();
}

/// An exchange in memory. Gives a scripted body, records the response, and notes every breach of
/// the contract by the application's side. One thread scripts it before the call and looks at it
/// after.
class MemoryExchange final : public gateway::Exchange {
 public:
  struct Block {};  ///< try_read_body returns would_block until wait_body is called
  struct Cut {};    ///< the front ended the body too early
  using BodyStep = std::variant<std::string, Block, Cut>;

  struct Head {
    std::string status;
    std::vector<std::pair<std::string, std::string>> fields;

    /// The values of all fields of that name, joined by "|".
    std::string field(std::string_view name) const {
      std::string joined;
      for (const auto& [key, value] : fields)
        if (key == name) joined += (joined.empty() ? "" : "|") + value;
      return joined;
    }
  };

  struct Piece {
    std::string bytes;
    bool head;
    bool last;
  };

  explicit MemoryExchange(const Variables& variables) { fill_request(request_, variables); }

  // -- Script
  // ---------------------------------------------------------------------------------------
  std::deque<BodyStep> body;
  /// Room for each send with End::more in turn; afterwards everything fits.
  std::deque<std::size_t> room;
  /// The front is gone from that send on, counted from 0.
  std::size_t gone_at = static_cast<std::size_t>(-1);
  std::atomic<bool> gone{false};
  /// Bodies are kept by the keeper instead of being copied.
  bool keeps = false;
  /// Called inside wait_body and wait_room, with its name.
  std::function<void(std::string_view)> on_wait = [](std::string_view) {};
  /// Called inside each send, with the number of bytes that it gets.
  std::function<void(std::size_t)> on_send = [](std::size_t) {};

  // -- Record
  // ---------------------------------------------------------------------------------------
  std::optional<Head> head;
  std::vector<Piece> pieces;  ///< one for each send
  std::string sent;           ///< body bytes, of files too
  bool ended = false;
  bool broken = false;
  bool sent_file = false;
  std::string error_text;
  std::atomic<bool> error_written{false};  ///< for other threads, during the call
  std::atomic<bool> answered{false};
  std::vector<std::string> breaches;
  std::vector<std::pair<std::shared_ptr<const void>, std::vector<std::string_view>>> kept;

  // -- Exchange
  // -------------------------------------------------------------------------------------
  const gateway::Request& request() const noexcept override { return request_; }

  gateway::BodyRead try_read_body(std::span<char> into) noexcept override {
    if (into.empty()) breaches.emplace_back("read into nothing");
    if (body.empty()) return {gateway::BodyStatus::end, 0};
    if (std::holds_alternative<Block>(body.front())) return {gateway::BodyStatus::would_block, 0};
    if (std::holds_alternative<Cut>(body.front())) return {gateway::BodyStatus::cut, 0};
    auto& text = std::get<std::string>(body.front());
    const std::size_t size = std::min(into.size(), text.size());
    std::copy_n(text.begin(), size, into.begin());
    text.erase(0, size);
    if (text.empty()) body.pop_front();
    return {gateway::BodyStatus::data, size};
  }

  void wait_body() noexcept override {
    on_wait("body");
    if (!body.empty() && std::holds_alternative<Block>(body.front())) body.pop_front();
  }

  gateway::Sent send(const gateway::ResponseHead* with, std::span<const std::string_view> parts,
                     gateway::End end, gateway::Keeper* keeper) noexcept override {
    std::string bytes;
    for (const std::string_view part : parts) bytes += part;
    on_send(bytes.size());
    take_head(with);
    if (!bytes.empty() && may_not_have_body()) breaches.emplace_back("body where none may be");
    if (ended || broken) breaches.emplace_back("send after the end");
    if (pieces.size() >= gone_at) gone = true;
    if (gone) return {gateway::SendStatus::gone, 0};
    const bool last = end == gateway::End::last;
    if (last && keeps && keeper != nullptr)
      kept.emplace_back(keeper->keep(), std::vector(parts.begin(), parts.end()));
    const std::size_t taken = last ? bytes.size() : take_room(bytes.size());
    pieces.push_back({bytes.substr(0, taken), with != nullptr, last});
    sent.append(bytes, 0, taken);
    ended = last;
    answered = last;
    return {taken < bytes.size() ? gateway::SendStatus::full : gateway::SendStatus::ok, taken};
  }

  gateway::SendStatus send_file(const gateway::ResponseHead* with,
                                gateway::FileRange range) noexcept override {
    take_head(with);
    if (ended || broken) breaches.emplace_back("send_file after the end");
    std::string bytes(range.length, '\0');
    const ssize_t got =
        pread(range.file->get(), bytes.data(), bytes.size(), static_cast<off_t>(range.offset));
    if (got != static_cast<ssize_t>(bytes.size())) breaches.emplace_back("file too short");
    pieces.push_back({bytes, with != nullptr, true});
    sent += bytes;
    ended = sent_file = true;
    return gone ? gateway::SendStatus::gone : gateway::SendStatus::ok;
  }

  void wait_room() noexcept override { on_wait("room"); }
  bool head_sent() const noexcept override { return head.has_value(); }

  void break_off() noexcept override {
    if (!head) breaches.emplace_back("break_off before the head");
    if (ended) breaches.emplace_back("break_off after the end");
    broken = true;
  }

  void send_error_text(std::string_view text) noexcept override {
    error_text += text;
    error_written = true;
  }
  bool front_gone() const noexcept override { return gone; }

 private:
  void take_head(const gateway::ResponseHead* with) {
    if ((with != nullptr) == head.has_value())
      breaches.emplace_back(head ? "a second head" : "no head with the first bytes");
    if (with == nullptr) return;
    head.emplace();
    head->status = with->status;
    for (std::string_view rest = with->fields; !rest.empty();) {
      const std::size_t colon = rest.find(": ");
      const std::size_t end = rest.find("\r\n");
      if (colon == rest.npos || end == rest.npos || colon > end) {
        breaches.emplace_back("not a header field");
        return;
      }
      head->fields.emplace_back(rest.substr(0, colon), rest.substr(colon + 2, end - colon - 2));
      rest.remove_prefix(end + 2);
    }
    if (with->announces_length == head->field("Content-Length").empty())
      breaches.emplace_back("announces_length is not true");
  }

  bool may_not_have_body() const {
    return request_.is_head() || head->status.starts_with("204") || head->status.starts_with("304");
  }

  std::size_t take_room(std::size_t wanted) {
    if (room.empty()) return wanted;
    const std::size_t taken = std::min(wanted, room.front());
    room.pop_front();
    return taken;
  }

  gateway::Request request_;
};

}  // namespace appd::fakes

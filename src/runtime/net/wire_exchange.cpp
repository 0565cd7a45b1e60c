// Carries a request's body and response between a pool thread and a connection.

#include "runtime/net/wire_exchange.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/gateway/reporter.hpp"
#include "runtime/gateway/request_text.hpp"
#include "runtime/net/channel.hpp"
#include "runtime/net/context.hpp"
#include "runtime/net/current_date.hpp"
#include "runtime/net/error_response.hpp"

namespace appd::net {
namespace {

/// nginx refuses a larger head by default (fastcgi_buffer_size and the like: one page).
constexpr std::size_t kSafeHead = 4000;

std::string_view buffer_directive(protocol::Wire wire) {
  switch (wire) {
    case protocol::Wire::fastcgi:
      return "fastcgi_buffer_size";
    case protocol::Wire::uwsgi:
      return "uwsgi_buffer_size";
    case protocol::Wire::scgi:
      return "scgi_buffer_size";
    case protocol::Wire::http:
      return "proxy_buffer_size";
  }
  return "";
}

/// Keeps the exchange (framing and head) and the application's bytes until the loop has sent them.
class TailKeeper final : public gateway::Keeper {
 public:
  TailKeeper(std::shared_ptr<WireExchange> exchange, gateway::Keeper& bytes)
      : exchange_(std::move(exchange)), bytes_(bytes) {}

  std::shared_ptr<const void> keep() override {
    using Owners = std::pair<std::shared_ptr<WireExchange>, std::shared_ptr<const void>>;
    return std::make_shared<Owners>(std::move(exchange_), bytes_.keep());
  }

 private:
  std::shared_ptr<WireExchange> exchange_;
  gateway::Keeper& bytes_;
};

}  // namespace

void WireExchange::open(std::shared_ptr<Connection> connection, Channel* channel,
                        protocol::Wire wire, const protocol::Event& event) {
  connection_ = std::move(connection);
  channel_ = channel;
  wire_ = {wire,
           event.id,
           event.keep_connection,
           event.http,
           event.http.awaits_continue,
           protocol::ResponseFramer(wire, event.id, event.http)};
  times_.clear();
  progress_ = nullptr;
  head_.clear();
  errors_.clear();
  pace_.start({});
  reported_by_files_ = false;
  body_bytes_.store(0, std::memory_order_relaxed);
  state_.open();
}

void WireExchange::set_queued(Clock::time_point now) noexcept {
  times_.set_queued(now);
  state_.queue();
}

bool WireExchange::on_front_gone() noexcept {
  const bool given_up = state_.on_front_gone();
  body_.cut();
  if (given_up) report_given_up();
  return given_up;
}

bool WireExchange::on_aborted() noexcept {
  const RequestState::Aborted aborted = state_.on_aborted();
  body_.cut();
  if (aborted.given_up) report_given_up();
  return aborted.ends_here;
}

void WireExchange::reset() noexcept {
  if (state_.is_spare()) return;
  request_.clear();
  body_.close();
  connection_.reset();
  state_.reset();
}

bool WireExchange::try_start(Clock::time_point now, gateway::Progress* progress) noexcept {
  if (!state_.try_start()) return false;
  times_.set_started(now);
  pace_.start(now);
  progress_ = progress;
  return true;
}

template <typename Wait>
void WireExchange::wait_for_front(Wait wait) noexcept {
  if (progress_ != nullptr) progress_->begin_wait();
  wait();
  if (progress_ != nullptr) progress_->end_wait();
}

void WireExchange::finish() noexcept {
  // Only an exchange whose front is gone may come back without a response.
  if (state_.on_returned() && !reported_by_files_) report_access();
  std::shared_ptr<Connection> connection = std::move(connection_);
  Channel& channel = *channel_;
  const bool ends = broken_off() || ends_connection() || channel.outbox().gave_up();
  // Not left to the loop, which may sleep for long: an idle connection or a spare exchange must
  // hold no spool file.
  body_.close();
  // From here on the loop may reuse the exchange. Sequentially consistent, against the connection:
  // either the connection sees that the exchange is free, or this thread sees that it awaits that.
  state_.finish();
  if (ends || channel.awaits_responses()) {
    channel.context().dispatcher.notify(std::move(connection));
  } else {
    // Without this, an idle connection would keep the exchange until its next request.
    channel.context().dispatcher.notify_later(std::move(connection));
  }
}

/// Body bytes that come after the response reach nobody: a reader must not wait for them, nor the
/// front for a reader.
bool WireExchange::try_end(RequestState::End how) noexcept {
  if (!state_.try_end(how)) return false;
  if (body_.cut()) dispatcher().notify(connection_);
  return true;
}

gateway::BodyRead WireExchange::try_read_body(std::span<char> into) noexcept {
  const gateway::BodyRead read = body_.try_read(into);
  if (wire_.continue_due && read.status == gateway::BodyStatus::would_block) ask_for_body();
  if (read.status == gateway::BodyStatus::data && body_.take_resume()) {
    dispatcher().notify(connection_);
  }
  if (read.status == gateway::BodyStatus::cut) {
    if (const std::string error = body_.take_error(); !error.empty()) {
      channel_->context().reporter.report(gateway::LogEvent::body_not_stored, error);
    }
  }
  return read;
}

/// Once the response has begun, it is too late.
void WireExchange::ask_for_body() {
  wire_.continue_due = false;
  channel_->set_asking(Asking::done);
  dispatcher().notify(connection_);
  if (head_.taken()) return;
  gather_.clear();
  gather_.add(protocol::kContinue);
  put(nullptr, state_, Outbox::Urgency::now);
}

void WireExchange::wait_body() noexcept {
  if (pace_.holding()) {
    gather_.clear();
    put(nullptr, state_, Outbox::Urgency::now);
  }
  wait_for_front([this] { body_.wait(); });
}

gateway::Sent WireExchange::send(const gateway::ResponseHead* head,
                                 std::span<const std::string_view> pieces, gateway::End end,
                                 gateway::Keeper* keeper) noexcept {
  if (progress_ != nullptr) progress_->advance();
  std::size_t total = 0;
  for (std::string_view piece : pieces) total += piece.size();
  if (head != nullptr) {
    if (try_send_internal(*head)) return {gateway::SendStatus::complete, total};
    take_head(*head);
  }
  if (end == gateway::End::last) {
    const gateway::SendStatus status = write(pieces, Rest::nothing, keeper);
    return {status, status == gateway::SendStatus::ok ? total : 0};
  }
  const std::size_t waiting = channel_->outbox().waiting();
  if (waiting >= kOutgoingBuffer) return {gateway::SendStatus::full, 0};

  // Twice the buffer, since the socket usually takes a good part at once.
  const std::size_t room = 2 * kOutgoingBuffer - waiting;
  if (total <= room) return send_block(pieces, total);
  std::size_t consumed = 0;
  taken_.clear();
  for (std::string_view piece : pieces) {
    taken_.push_back(piece.substr(0, room - consumed));
    consumed += taken_.back().size();
    if (consumed == room) break;
  }
  const gateway::Sent sent = send_block(taken_, consumed);
  if (sent.status == gateway::SendStatus::gone) return sent;
  return {gateway::SendStatus::full, consumed};
}

/// Sends pieces that there is room for. Most blocks of a stream are nothing but their bytes.
gateway::Sent WireExchange::send_block(std::span<const std::string_view> pieces, std::size_t size) {
  gateway::SendStatus status = gateway::SendStatus::ok;
  if (head_.out() && !errors_.waits()) {
    gather_.clear();
    wire_.framer.frame({}, pieces, false, gather_);
    status = put(nullptr, state_, pace_.urgency_of_block(&Clock::now));
    if (status == gateway::SendStatus::ok) add_body_bytes(size);
  } else {
    status = write(pieces, Rest::body, nullptr);
  }
  return {status, status == gateway::SendStatus::ok ? size : 0};
}

void WireExchange::wait_room() noexcept {
  wait_for_front([this] { channel_->outbox().wait_below(kOutgoingBuffer / 2, state_); });
}

void WireExchange::break_off() noexcept {
  const protocol::Break how = protocol::choose_break(
      wire_.protocol, request_.front(), head_.announces_length(), channel_->has_other_requests());
  gather_.clear();
  wire_.framer.frame_break(how, gather_);
  // A connection that goes on for its other requests must not be closed.
  const bool keeps = how == protocol::Break::end_and_keep;
  using End = RequestState::End;
  if (!try_end(keeps ? End::complete : End::broken)) return;
  put(nullptr, kNeverCancelled, Outbox::Urgency::now);
  set_out();
}

void WireExchange::send_error_text(std::string_view text) noexcept {
  if (channel_->context().options.send_error_text) errors_.add(text);
}

/// Not before the last bytes: what another thread writes then comes after them. Sequentially
/// consistent, against the connection: it sees this, or is told that its next request can go on.
void WireExchange::set_out() noexcept {
  state_.set_out();
  if (channel_->request_waits()) dispatcher().notify(connection_);
}

protocol::HttpHeadFacts WireExchange::http_facts() const {
  if (wire_.protocol != protocol::Wire::http) return {};
  // Nobody knows how much comes of a body that nobody will read.
  const bool keeps = wire_.keeps_connection && !channel_->ending() && body_.complete();
  return {request_.is_head(), keeps, current_date()};
}

void WireExchange::take_head(const gateway::ResponseHead& head) {
  head_.take(head, http_facts(), wire_.framer);
  if (head_.size() > kSafeHead && request_.front() == gateway::Front::nginx) {
    Context& context = channel_->context();
    const bool seen = context.large_head_seen.exchange(true);
    context.reporter.report(
        seen ? gateway::LogEvent::response_large_head_again
             : gateway::LogEvent::response_large_head,
        gateway::message_about(
            request_, fmt::format("the response's head has {} bytes, which nginx refuses unless {} "
                                  "is larger (default 4k or 8k)",
                                  head_.size(), buffer_directive(wire_.protocol))));
  }
}

gateway::SendStatus WireExchange::write(std::span<const std::string_view> pieces, Rest rest,
                                        gateway::Keeper* keeper) {
  const bool last = rest == Rest::nothing;
  const bool ends_errors = rest != Rest::body;
  gather_.clear();
  if (!errors_.is_due(ends_errors)) {
    wire_.framer.frame(head_.pending(), pieces, last, gather_);
  } else {
    wire_.framer.frame(head_.pending(), pieces, false, gather_);
    errors_.frame(wire_.framer, ends_errors, gather_);
    if (last) wire_.framer.frame({}, {}, true, gather_);
  }
  // Before the bytes: the front may begin the next request with this id as soon as it has them. An
  // abort after this is too late: it neither stops these bytes nor sends an end of its own.
  if (last && !try_end()) return gateway::SendStatus::gone;
  // Before the bytes: a loop that responds instead must know that it cannot stop the head any more.
  head_.set_out();
  using Urgency = Outbox::Urgency;
  const Urgency urgency = rest == Rest::small_file ? Urgency::with_the_file : Urgency::now;
  const gateway::SendStatus status = put(keeper, last ? kNeverCancelled : state_, urgency);
  if (last) set_out();
  if (status != gateway::SendStatus::ok) return status;
  if (!last) errors_.on_sent();
  for (std::string_view piece : pieces) add_body_bytes(piece.size());
  return status;
}

/// Gives what is gathered to the outbox.
gateway::SendStatus WireExchange::put(gateway::Keeper* keeper, const RequestState& request,
                                      Outbox::Urgency urgency) {
  Outbox& outbox = channel_->outbox();
  Outbox::Status status = Outbox::Status::gone;
  if (keeper == nullptr) {
    status = outbox.write(gather_.parts(), nullptr, request, urgency);
  } else {
    TailKeeper tail(shared_from_this(), *keeper);
    status = outbox.write(gather_.parts(), &tail, request, urgency);
  }
  if (status == Outbox::Status::gone) {
    state_.set_refused();
    return gateway::SendStatus::gone;
  }
  pace_.note(status);
  if (status == Outbox::Status::queued) dispatcher().notify(connection_);
  if (status == Outbox::Status::first_held) dispatcher().schedule_flush(connection_);
  return gateway::SendStatus::ok;
}

void WireExchange::refuse(unsigned status, std::string_view reason, std::string_view retry_after) {
  const ErrorResponse response(status, reason, retry_after);
  const gateway::ResponseHead head = response.head();
  const std::string_view piece = response.body();
  const bool bodiless = request_.is_head();
  times_.set_started_here(Clock::now());
  state_.try_give_up();
  send(&head, std::span(&piece, bodiless ? 0 : 1), gateway::End::last, nullptr);
  report_access();
}

void WireExchange::add_body_bytes(std::uint64_t more) noexcept {
  // The only writer: no read-modify-write instruction is needed.
  body_bytes_.store(body_bytes_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

// The call may be anywhere meanwhile, even in `write`. Either it took the outbox's lock first, and
// its head is seen here, or it finds its request gone there. Nothing else that it changes is
// touched here.
WireExchange::Instead WireExchange::try_respond_instead() {
  if (!state_.try_end_instead()) return Instead::no;
  body_.cut();
  channel_->outbox().wake();
  protocol::ResponseFramer framer(wire_.protocol, wire_.id, wire_.http);
  protocol::Gather gather;
  if (head_.out()) {
    const protocol::Break how = protocol::choose_break(
        wire_.protocol, request_.front(), head_.announces_length(), channel_->has_other_requests());
    framer.frame_break(how, gather);
    channel_->outbox().write(gather.parts(), nullptr, kNeverCancelled);
    report_access(head_.status(), body_bytes_.load(std::memory_order_relaxed));
    return how == protocol::Break::end_and_keep ? Instead::ended : Instead::broken;
  }
  const ErrorResponse response(504, "the application did not respond in time");
  std::string head;
  framer.write_head(response.head(), {request_.is_head(), false, current_date()}, head);
  const std::string_view piece = response.body();
  const std::size_t pieces = request_.is_head() ? 0 : 1;
  framer.frame(head, std::span(&piece, pieces), true, gather);
  channel_->outbox().write(gather.parts(), nullptr, kNeverCancelled);
  report_access(504, pieces * piece.size());
  return Instead::answered;
}

void WireExchange::report_given_up() noexcept {
  times_.set_started_here(Clock::now());
  report_access();
}

void WireExchange::report_access() noexcept {
  const bool answered = head_.out() && !front_lost();
  report_access(answered ? head_.status() : kFrontGone,
                body_bytes_.load(std::memory_order_relaxed));
}

void WireExchange::report_access(unsigned status, std::uint64_t body_bytes) const noexcept {
  gateway::Reporter& reporter = channel_->context().reporter;
  if (!reporter.wants_access()) return;
  reporter.access(make_access_record(request_, times_, status, body_bytes));
}

Dispatcher& WireExchange::dispatcher() const noexcept {
  return channel_->context().dispatcher;
}

}  // namespace appd::net

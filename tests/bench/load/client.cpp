// One client in a closed loop: connect, send, check the response, repeat.

#include "bench/load/client.hpp"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

namespace appd::load {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr std::size_t kInputSize = 65536;
}

std::string Kind::mismatch(unsigned got_status, std::uint64_t got_length) {
  if (!length && got_status == status) length = got_length;
  if (got_status == status && got_length == length) return {};
  if (!length) return fmt::format("status {} instead of {}", got_status, status);
  return fmt::format("status {} with {} bytes instead of {} with {}", got_status, got_length,
                     status, *length);
}

Client::Client(asio::io_context& loop, Pace& pace, Kind& kind)
    : pace_(pace),
      kind_(kind),
      kept_(keeps_connections(kind.wire)),
      socket_(loop),
      response_(make_response(kind.wire, kind.head_only)),
      input_(kInputSize) {}

void Client::start() {
  next(Clock::now());
}

void Client::next(Clock::time_point now) {
  if (!pace_.may_begin(kind_, now)) return pace_.on_rest(kind_);
  begun_ = now;
  response_->begin();
  if (!socket_.is_open() && !connect()) return;
  unsent_ = kind_.request;
  send();
  // At once: a server may answer before it has read a whole body.
  receive();
}

bool Client::connect() {
  error_code error;
  load::connect(socket_, kind_.endpoint, error);
  if (!error) socket_.non_blocking(true, error);
  if (error) fail("connect", error.message());
  return !error;
}

void Client::send() {
  error_code error;
  const std::size_t sent = socket_.write_some(asio::buffer(unsent_), error);
  if (error && error != asio::error::would_block) return fail("send", error.message());
  unsent_.remove_prefix(sent);
  if (unsent_.empty()) {
    if (kept_ && response_->ended()) finish();
    return;
  }
  socket_.async_wait(Socket::wait_write, [this](const error_code& waited) {
    if (!waited) send();
  });
}

void Client::receive() {
  socket_.async_read_some(asio::buffer(input_), [this](const error_code& error, std::size_t size) {
    on_input(error, size);
  });
}

void Client::on_input(const error_code& error, std::size_t size) {
  if (error == asio::error::eof) return on_end();
  if (error) return fail("receive", error.message());
  if (!response_->take({input_.data(), size})) return fail("response", response_->complaint());
  if (!kept_ || !response_->ended()) return receive();
  if (unsent_.empty()) finish();
}

void Client::on_end() {
  if (!response_->take_end()) return fail("response", response_->complaint());
  if (!unsent_.empty()) return fail("response", "it ended before the request was read");
  finish();
}

void Client::finish() {
  const Clock::time_point now = Clock::now();
  const std::string mismatch = kind_.mismatch(response_->status(), response_->length());
  if (!mismatch.empty()) return fail("response", mismatch);
  if (kind_.counting) kind_.latencies.add(now - begun_);
  if (!kept_ || !response_->connection_stays()) socket_.close();
  pace_.on_response();
  next(now);
}

void Client::fail(std::string_view doing, std::string_view why) {
  pace_.on_failure(fmt::format("{}: {}", doing, why));
}

}  // namespace appd::load

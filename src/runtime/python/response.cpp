// Sends head and body, and keeps both to what HTTP and WSGI allow.

#include "runtime/python/response.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "runtime/python/errors.hpp"
#include "runtime/python/forked_child.hpp"
#include "runtime/python/gil.hpp"
#include "runtime/python/header_rules.hpp"
#include "runtime/python/latin1.hpp"
#include "runtime/support/application_forks.hpp"

namespace appd::python {
namespace {

/// Up to this size, copying into the socket costs less than releasing and retaking the interpreter.
constexpr std::size_t kShortSend = 64 * 1024;

struct ErrorResponse {
  unsigned code;
  std::string_view status;
  std::string_view body;
};
constexpr ErrorResponse kError{500, "500 Internal Server Error", "Internal Server Error\n"};
constexpr ErrorResponse kTimeout{504, "504 Gateway Timeout", "Gateway Timeout\n"};

std::size_t total_size(std::span<const std::string_view> pieces) noexcept {
  std::size_t total = 0;
  for (const std::string_view piece : pieces) total += piece.size();
  return total;
}

/// Takes `size` bytes off the front of `pieces`.
void consume(std::vector<std::string_view>& pieces, std::size_t size) {
  auto piece = pieces.begin();
  while (piece != pieces.end() && piece->size() <= size) size -= (piece++)->size();
  if (piece != pieces.end()) piece->remove_prefix(size);
  pieces.erase(pieces.begin(), piece);
}

/// Keeps the first `size` bytes of `pieces`.
void cut(std::vector<std::string_view>& pieces, std::size_t size) {
  auto piece = pieces.begin();
  while (piece != pieces.end() && piece->size() <= size) size -= (piece++)->size();
  if (piece == pieces.end()) return;
  *piece = piece->substr(0, size);
  pieces.erase(piece + 1, pieces.end());
}

/// PEP 3333: an error after the head is out is raised again as the same exception.
[[noreturn]] void raise_exc_info(PyObject* exc_info) {
  PyObject* const exception = PyTuple_GET_ITEM(exc_info, 1);
  PyObject* const traceback = PyTuple_GET_ITEM(exc_info, 2);
  if (!PyExceptionInstance_Check(exception))
    raise(PyExc_TypeError, "exc_info[1] must be an exception, not %R", exception);
  if (traceback != Py_None) checked(PyException_SetTraceback(exception, traceback));
  compat::raise_again(Py_NewRef(exception));
  throw PythonError();
}

}  // namespace

void Response::begin(gateway::Exchange& exchange) {
  exchange_ = &exchange;
  sent_ = 0;
  kind_ = Kind::unknown;
  end_ = End::open;
  written_ = excess_ = false;
}

void Response::start(PyObject* status, PyObject* headers, PyObject* exc_info) {
  if (exc_info != nullptr) {
    if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3)
      raise(PyExc_TypeError, "exc_info must be the tuple of sys.exc_info(), not %R", exc_info);
    if (exchange_->head_sent()) raise_exc_info(exc_info);
  } else if (started()) {
    raise(PyExc_AssertionError, "start_response is called a second time without exc_info");
  }
  const std::size_t other = 1 - current_;
  heads_[other].assign(status, headers);
  current_ = other;
  if (has_no_body(head().status()) && head().status() != 304) head().remove_content_length();
  if (head().names_file()) head().remove_content_length();
  if (head().status() == 205) head().set_content_length(0);
  const bool head_only = exchange_->request().is_head() || has_no_body(head().status());
  kind_ = head_only ? Kind::head_only : Kind::with_body;
}

void Response::require_started() const {
  if (!started()) throw ResponseError("start_response was not called before the first body bytes");
}

void Response::infer_length(std::uint64_t length) {
  const bool may = started() && !written_ && !exchange_->head_sent() && !head().content_length() &&
                   !has_no_body(head().status());
  if (may) head().set_content_length(length);
}

std::uint64_t Response::wanted() const noexcept {
  const auto length = head().content_length();
  return length ? *length - sent_ : std::numeric_limits<std::uint64_t>::max();
}

void Response::send(PyObject* bytes) {
  std::string_view piece = view_bytes(bytes);
  if (piece.empty() || gone()) return;
  require_started();
  if (!takes_body()) {
    excess_ = !exchange_->request().is_head();
    return finish();
  }
  const std::uint64_t limit = wanted();
  excess_ |= piece.size() > limit;
  if (satisfied()) return;
  if (piece.size() > limit) piece = piece.substr(0, static_cast<std::size_t>(limit));
  transmit({&piece, 1}, piece.size() == limit ? gateway::End::last : gateway::End::more, bytes);
}

void Response::write(PyObject* bytes) {
  if (!PyBytes_CheckExact(bytes))
    raise(PyExc_TypeError, "write() takes bytes, not %s", Py_TYPE(bytes)->tp_name);
  if (support::forked_by_application()) raise_of_parent("write()");
  written_ = true;
  send(bytes);
  if (gone()) raise(PyExc_ConnectionResetError, "the client closed the connection");
}

void Response::send_rest(std::span<const std::string_view> pieces, PyObject* owner) {
  require_started();
  const std::size_t total = total_size(pieces);
  // One piece is what a GET would send. Several may be another body than that of a GET.
  if (pieces.size() == 1 || takes_body()) infer_length(total);
  if (!takes_body()) {
    excess_ = total > 0 && !exchange_->request().is_head();
    return finish();
  }
  if (satisfied()) {
    excess_ |= total > 0;
    return;
  }
  if (head().content_length() && total < wanted()) throw_too_short(total);
  excess_ = total > wanted();
  if (!excess_) return transmit(pieces, gateway::End::last, owner);
  std::vector<std::string_view> fitting(pieces.begin(), pieces.end());
  cut(fitting, static_cast<std::size_t>(wanted()));
  transmit(fitting, gateway::End::last, owner);
}

void Response::send_file(gateway::FileRange range) {
  infer_length(range.length);
  range.length = std::min(range.length, wanted());
  if (head().content_length() && range.length < wanted()) throw_too_short(range.length);
  const gateway::ResponseHead first = head().view();
  const bool head_due = !exchange_->head_sent();
  GilRelease released;
  const auto status = exchange_->send_file(head_due ? &first : nullptr, std::move(range));
  end_ = status == gateway::SendStatus::gone ? End::gone : End::complete;
}

void Response::finish() {
  if (satisfied()) return;
  if (!started()) throw ResponseError("start_response was not called");
  if (takes_body()) {
    if (head().content_length() && wanted() > 0) throw_too_short(0);
    infer_length(0);
  }
  transmit({}, gateway::End::last, nullptr);
}

void Response::throw_too_short(std::uint64_t more) const {
  throw ResponseError(
      fmt::format("the application gave {} of the {} bytes that its Content-Length announces",
                  sent_ + more, *head().content_length()));
}

/// Sends all `pieces`, waiting for room as often as needed.
void Response::transmit(Pieces pieces, gateway::End end, PyObject* owner) {
  const gateway::Sent sent = send_once(pieces, end, owner);
  if (!went_out(sent, end)) transmit_rest(pieces, sent.consumed, end, owner);
}

void Response::transmit_rest(Pieces pieces, std::size_t taken, gateway::End end, PyObject* owner) {
  left_.assign(pieces.begin(), pieces.end());
  for (;;) {
    consume(left_, taken);
    if (left_.empty() && end == gateway::End::more) return;
    wait_room();
    const gateway::Sent sent = send_once(left_, end, owner);
    if (went_out(sent, end)) return;
    taken = sent.consumed;
  }
}

/// Notes what was taken. False if part of it was not, for lack of room.
bool Response::went_out(const gateway::Sent& sent, gateway::End end) noexcept {
  sent_ += sent.consumed;
  if (sent.status == gateway::SendStatus::full) return false;
  if (sent.status == gateway::SendStatus::gone) {
    end_ = End::gone;
  } else if (end == gateway::End::last || sent.status == gateway::SendStatus::complete) {
    end_ = End::complete;
  }
  return true;
}

gateway::Sent Response::send_once(Pieces pieces, gateway::End end, PyObject* owner) {
  const bool is_short = total_size(pieces) <= kShortSend;
  if (is_short && exchange_->head_sent()) return exchange_->send(nullptr, pieces, end, nullptr);
  return send_with_care(pieces, is_short, end, owner);
}

/// For the first send, with the head, and for large ones. A large send releases the interpreter,
/// and bytes that the socket does not take are kept in place.
gateway::Sent Response::send_with_care(Pieces pieces, bool is_short, gateway::End end,
                                       PyObject* owner) {
  gateway::ResponseHead view;
  const bool head_due = !exchange_->head_sent();
  if (head_due) view = head().view();
  const gateway::ResponseHead* const first = head_due ? &view : nullptr;
  const bool opens_file = head_due && head().names_file();
  if (is_short && !opens_file) return exchange_->send(first, pieces, end, nullptr);
  std::optional<BodyKeeper> keeper;
  if (end == gateway::End::last && owner != nullptr) keeper.emplace(deferred_decrefs_, owner);
  GilRelease released;
  return exchange_->send(first, pieces, end, keeper ? &*keeper : nullptr);
}

void Response::wait_room() {
  GilRelease released;
  exchange_->wait_room();
}

void Response::fail(Failure failure) noexcept {
  if (satisfied()) return;
  end_ = End::complete;
  if (exchange_->head_sent()) return exchange_->break_off();
  const ErrorResponse& response = failure == Failure::timeout ? kTimeout : kError;
  head().assign(response.status, response.code);
  head().add("Content-Type", "text/plain; charset=utf-8");
  head().set_content_length(response.body.size());
  const gateway::ResponseHead first = head().view();
  const std::size_t pieces = exchange_->request().is_head() ? 0 : 1;
  const auto sent = exchange_->send(&first, {&response.body, pieces}, gateway::End::last, nullptr);
  if (sent.status == gateway::SendStatus::gone) end_ = End::gone;
}

}  // namespace appd::python

#include "runtime/python/response.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "runtime/python/errors.hpp"
#include "runtime/python/gil.hpp"
#include "runtime/python/header_rules.hpp"
#include "runtime/python/latin1.hpp"

namespace appd::python {
namespace {

/// Up to here the copy into the socket costs less than giving the interpreter up and getting it
/// back.
constexpr std::size_t kShortSend = 64 * 1024;

constexpr std::string_view kErrorStatus = "500 Internal Server Error";
constexpr std::string_view kErrorBody = "Internal Server Error\n";

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

/// Leaves the first `size` bytes of `pieces`.
void cut(std::vector<std::string_view>& pieces, std::size_t size) {
  auto piece = pieces.begin();
  while (piece != pieces.end() && piece->size() <= size) size -= (piece++)->size();
  if (piece == pieces.end()) return;
  *piece = piece->substr(0, size);
  pieces.erase(piece + 1, pieces.end());
}

/// PEP 3333: an error after the head is out goes on as the exception that it was.
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
  started_ = written_ = ended_ = gone_ = excess_ = false;
}

void Response::start(PyObject* status, PyObject* headers, PyObject* exc_info) {
  if (exc_info != nullptr) {
    if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3)
      raise(PyExc_TypeError, "exc_info must be the tuple of sys.exc_info(), not %R", exc_info);
    if (exchange_->head_sent()) raise_exc_info(exc_info);
  } else if (started_) {
    raise(PyExc_AssertionError, "start_response is called a second time without exc_info");
  }
  next_head_.assign(status, headers);
  std::swap(head_, next_head_);
  started_ = true;
  if (has_no_body(head_.status()) && head_.status() != 304) head_.remove_content_length();
  if (head_.status() == 205) head_.set_content_length(0);
}

bool Response::takes_body() const noexcept {
  return !exchange_->request().is_head() && !has_no_body(head_.status());
}

void Response::require_started() const {
  if (!started_) throw AnswerError("start_response was not called before the first body bytes");
}

void Response::infer_length(std::uint64_t length) {
  const bool may = started_ && !written_ && !exchange_->head_sent() && !head_.content_length() &&
                   !has_no_body(head_.status());
  if (may) head_.set_content_length(length);
}

std::uint64_t Response::wanted() const noexcept {
  const auto length = head_.content_length();
  return length ? *length - sent_ : std::numeric_limits<std::uint64_t>::max();
}

void Response::send(PyObject* bytes) {
  std::string_view piece = view_bytes(bytes);
  if (piece.empty() || gone_) return;
  require_started();
  if (!takes_body()) {
    excess_ = !exchange_->request().is_head();
    return finish();
  }
  excess_ |= piece.size() > wanted();
  if (ended_) return;
  left_.assign(
      1,
      piece.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), wanted()))));
  transmit(left_.front().size() == wanted() ? gateway::End::last : gateway::End::more, bytes);
}

void Response::write(PyObject* bytes) {
  if (!PyBytes_CheckExact(bytes))
    raise(PyExc_TypeError, "write() takes bytes, not %s", Py_TYPE(bytes)->tp_name);
  written_ = true;
  const std::string_view piece = view_bytes(bytes);
  if (takes_body() && piece.size() > wanted())
    raise(PyExc_ValueError, "write() goes beyond the announced Content-Length");
  if (!satisfied()) send(bytes);
  if (gone_) raise(PyExc_ConnectionResetError, "the client closed the connection");
}

void Response::send_rest(std::span<const std::string_view> pieces, PyObject* owner) {
  require_started();
  const std::size_t total = total_size(pieces);
  // What a GET would give is known for one piece; more may be another body than that of a GET.
  if (pieces.size() == 1 || takes_body()) infer_length(total);
  if (!takes_body()) {
    excess_ = total > 0 && !exchange_->request().is_head();
    return finish();
  }
  if (satisfied()) return;
  if (head_.content_length() && total < wanted()) throw_too_short(total);
  excess_ = total > wanted();
  left_.assign(pieces.begin(), pieces.end());
  if (excess_) cut(left_, static_cast<std::size_t>(wanted()));
  transmit(gateway::End::last, owner);
}

void Response::send_file(gateway::FileRange range) {
  infer_length(range.length);
  range.length = std::min(range.length, wanted());
  if (head_.content_length() && range.length < wanted()) throw_too_short(range.length);
  const gateway::ResponseHead head = head_.view();
  const bool head_due = !exchange_->head_sent();
  GilRelease released;
  const auto status = exchange_->send_file(head_due ? &head : nullptr, std::move(range));
  gone_ = status == gateway::SendStatus::gone;
  ended_ = true;
}

void Response::finish() {
  if (satisfied()) return;
  if (!started_) throw AnswerError("start_response was not called");
  if (takes_body()) {
    if (head_.content_length() && wanted() > 0) throw_too_short(0);
    infer_length(0);
  }
  left_.clear();
  transmit(gateway::End::last, nullptr);
}

void Response::throw_too_short(std::uint64_t more) const {
  throw AnswerError(
      fmt::format("the application gave {} of the {} bytes that its Content-Length says",
                  sent_ + more, *head_.content_length()));
}

/// Sends `left_`, waiting for room as often as it takes.
void Response::transmit(gateway::End end, PyObject* owner) {
  for (;;) {
    const gateway::Sent sent = send_once(end, owner);
    sent_ += sent.consumed;
    switch (sent.status) {
      case gateway::SendStatus::ok:
        ended_ = end == gateway::End::last;
        return;
      case gateway::SendStatus::gone:
        gone_ = true;
        return;
      case gateway::SendStatus::full:
        consume(left_, sent.consumed);
        if (left_.empty() && end == gateway::End::more) return;
        wait_room();
    }
  }
}

gateway::Sent Response::send_once(gateway::End end, PyObject* owner) {
  gateway::ResponseHead head;
  const bool head_due = !exchange_->head_sent();
  if (head_due) head = head_.view();
  const gateway::ResponseHead* const first = head_due ? &head : nullptr;
  BodyKeeper keeper(graveyard_, owner);
  gateway::Keeper* const keeps = owner != nullptr ? &keeper : nullptr;
  if (total_size(left_) <= kShortSend) return exchange_->send(first, left_, end, keeps);
  GilRelease released;
  return exchange_->send(first, left_, end, keeps);
}

void Response::wait_room() {
  GilRelease released;
  exchange_->wait_room();
}

void Response::fail() noexcept {
  if (ended_ || gone_) return;
  ended_ = true;
  if (exchange_->head_sent()) return exchange_->break_off();
  head_.assign(kErrorStatus);
  head_.add("Content-Type", "text/plain; charset=utf-8");
  head_.set_content_length(kErrorBody.size());
  const gateway::ResponseHead head = head_.view();
  const std::size_t pieces = exchange_->request().is_head() ? 0 : 1;
  const auto sent = exchange_->send(&head, {&kErrorBody, pieces}, gateway::End::last, nullptr);
  gone_ = sent.status == gateway::SendStatus::gone;
}

}  // namespace appd::python

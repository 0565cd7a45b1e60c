// Sends files: the application's, and those that go out in its place.

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/gateway/request_text.hpp"
#include "runtime/net/channel.hpp"
#include "runtime/net/context.hpp"
#include "runtime/net/wire_exchange.hpp"

namespace appd::net {
namespace {

/// None if there is no descriptor left for one of them; errno says why.
std::vector<support::UniqueFd> copies_of(const support::UniqueFd& file, std::size_t count) {
  std::vector<support::UniqueFd> copies;
  copies.reserve(count);
  while (copies.size() < count) {
    support::UniqueFd copy(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) return {};
    copies.push_back(std::move(copy));
  }
  return copies;
}

}  // namespace

gateway::SendStatus WireExchange::send_file(const gateway::ResponseHead* head,
                                            gateway::FileRange range) noexcept {
  if (progress_ != nullptr) progress_->advance();
  if (head != nullptr) {
    if (try_send_internal(*head)) return gateway::SendStatus::complete;
    take_head(*head);
  }
  if (range.length == 0) return write({}, Rest::nothing, nullptr);
  const gateway::SendStatus status = write({}, Rest::file, nullptr);
  if (status != gateway::SendStatus::ok) return status;
  if (!try_end()) return gateway::SendStatus::gone;
  Outbox::FileTold told = report_when_sent(range.length);
  const bool queued = queue_file(std::move(range), gateway::End::last, std::move(told));
  set_out();
  if (!queued) return gateway::SendStatus::gone;
  reported_by_file_ = true;
  return gateway::SendStatus::ok;
}

bool WireExchange::queue_file(gateway::FileRange range, gateway::End end, Outbox::FileTold told) {
  const Outbox::Status queued = channel_->outbox().write_file(
      std::move(range), wire_.framer, kNeverCancelled, std::move(told), end);
  if (queued == Outbox::Status::gone) {
    state_.set_refused();
    return false;
  }
  dispatcher().notify(connection_);
  return true;
}

/// Keeps a record of its own: the call is over before its file is out, and this exchange may then
/// serve another request.
Outbox::FileTold WireExchange::report_when_sent(std::uint64_t length) const {
  gateway::Reporter& reporter = channel_->context().reporter;
  if (!reporter.wants_access()) return {};
  const std::uint64_t before = body_bytes_.load(std::memory_order_relaxed);
  return [kept = std::make_shared<KeptRecord>(
              make_access_record(request_, times_, head_.status(), before + length)),
          &reporter, started = times_.started()](Outbox::FileEnd end, std::uint64_t left) {
    gateway::AccessRecord& record = kept->record;
    if (end == Outbox::FileEnd::front_gone) record.status = kFrontGone;
    record.body_bytes -= left;
    record.running = Clock::now() - started;
    reporter.access(record);
  };
}

void WireExchange::respond(files::FileAnswer answer) {
  times_.set_started_here(Clock::now());
  state_.try_give_up();
  send_answer(std::move(answer));
  if (!reported_by_file_) report_access();
}

/// A front does this itself.
bool WireExchange::try_send_internal(const gateway::ResponseHead& head) {
  const Context& context = channel_->context();
  const files::InternalFiles* const files = context.options.internal_files.get();
  if (files == nullptr || wire_.protocol != protocol::Wire::http) return false;
  auto found = files->answer(head.fields, files::make_file_request(request_, std::time(nullptr)));
  if (!found) return false;
  if (!found->problem.empty()) {
    context.reporter.report(gateway::LogEvent::response_file_refused,
                            gateway::message_about(request_, found->problem));
  }
  send_answer(std::move(found->answer));
  return true;
}

void WireExchange::send_answer(files::FileAnswer answer) {
  if (answer.parts.size() > 1) return send_parts(answer);
  take_head({answer.status, answer.fields, answer.announces_length});
  if (answer.parts.size() == 1) {
    const files::ByteRange range = answer.parts.front().range;
    send_file(nullptr, {std::move(answer.file), range.offset, range.length});
    return;
  }
  const std::string_view text = answer.text;
  write({&text, text.empty() ? 0u : 1u}, Rest::nothing, nullptr);
}

/// Each part has a descriptor of its own. All are there before the head, which announces all parts.
void WireExchange::send_parts(const files::FileAnswer& answer) {
  std::vector<support::UniqueFd> copies = copies_of(answer.file, answer.parts.size());
  if (copies.empty()) {
    const int error = errno;
    channel_->context().reporter.report(
        gateway::LogEvent::static_file_failed,
        gateway::message_about(request_, fmt::format("a static file's parts cannot be sent: {}",
                                                     std::strerror(error))));
    return send_answer(files::make_refusal(files::make_file_request(request_, std::time(nullptr)),
                                           503, "The file cannot be opened."));
  }
  take_head({answer.status, answer.fields, answer.announces_length});
  auto copy = copies.begin();
  for (const files::FilePart& part : answer.parts) {
    const std::string_view text = part.text;
    if (write({&text, 1}, Rest::body, nullptr) != gateway::SendStatus::ok) return;
    add_body_bytes(part.range.length);
    gateway::FileRange range{std::move(*copy++), part.range.offset, part.range.length};
    if (!queue_file(std::move(range), gateway::End::more, {})) return;
  }
  const std::string_view text = answer.text;
  write({&text, 1}, Rest::nothing, nullptr);
}

}  // namespace appd::net

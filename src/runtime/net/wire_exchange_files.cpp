// Sends files: the application's, and those that go out in its place.

#include <fcntl.h>

#include <ctime>

#include "runtime/gateway/reporter.hpp"
#include "runtime/gateway/request_text.hpp"
#include "runtime/net/channel.hpp"
#include "runtime/net/context.hpp"
#include "runtime/net/wire_exchange.hpp"

namespace appd::net {

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
  take_head({answer.status, answer.fields, answer.announces_length});
  if (answer.parts.size() == 1) {
    const files::ByteRange range = answer.parts.front().range;
    send_file(nullptr, {std::move(answer.file), range.offset, range.length});
    return;
  }
  for (const files::FilePart& part : answer.parts) {
    if (!send_part(answer.file, part)) break;
  }
  const std::string_view text = answer.text;
  write({&text, text.empty() ? 0u : 1u}, Rest::nothing, nullptr);
}

bool WireExchange::send_part(const support::UniqueFd& file, const files::FilePart& part) {
  const std::string_view text = part.text;
  support::UniqueFd own(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  if (!own || write({&text, 1}, Rest::body, nullptr) != gateway::SendStatus::ok) return false;
  add_body_bytes(part.range.length);
  return queue_file({std::move(own), part.range.offset, part.range.length}, gateway::End::more, {});
}

}  // namespace appd::net

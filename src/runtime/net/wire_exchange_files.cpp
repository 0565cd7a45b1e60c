// Sends files: the application's, and those that go out in its place.

#include <ctime>
#include <memory>
#include <utility>

#include "runtime/gateway/reporter.hpp"
#include "runtime/gateway/request_text.hpp"
#include "runtime/net/channel.hpp"
#include "runtime/net/context.hpp"
#include "runtime/net/wire_exchange.hpp"

namespace appd::net {
namespace {

/// Counts `bytes` of the response once the file is out, or what of them is.
Outbox::FileTold count_in(const std::shared_ptr<FilesRecord>& record, std::uint64_t bytes,
                          bool last) {
  if (!record) return {};
  return [record, bytes, last](Outbox::FileEnd end, std::uint64_t left) {
    record->add_body_bytes(bytes - left);
    if (last && end != Outbox::FileEnd::front_gone) record->set_waited_for();
  };
}

std::shared_ptr<const support::UniqueFd> share(support::UniqueFd file) {
  return std::make_shared<const support::UniqueFd>(std::move(file));
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
  const gateway::SendStatus status = write({}, rest_of(range), nullptr);
  if (status != gateway::SendStatus::ok) return status;
  if (!try_end()) return gateway::SendStatus::gone;
  const std::uint64_t bytes = body_bytes_.load(std::memory_order_relaxed) + range.length;
  const bool queued =
      queue_file(std::move(range), gateway::End::last, count_in(make_files_record(), bytes, true));
  set_out();
  return queued ? gateway::SendStatus::ok : gateway::SendStatus::gone;
}

WireExchange::Rest WireExchange::rest_of(const gateway::FileRange& range) noexcept {
  // The packet that is saved counts for a small file. A head in front splits the pages of a large
  // one between packets, which took 1.3 to 2.4 times as long for 1 MiB over loopback.
  constexpr std::uint64_t kSmall = 256 * 1024;
  return range.length <= kSmall ? Rest::small_file : Rest::file;
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

/// The call is over before its files are out, and this exchange may then serve another request.
std::shared_ptr<FilesRecord> WireExchange::make_files_record() {
  reported_by_files_ = true;
  gateway::Reporter& reporter = channel_->context().reporter;
  if (!reporter.wants_access()) return nullptr;
  return std::make_shared<FilesRecord>(
      reporter, make_access_record(request_, times_, head_.status(), 0), times_.started());
}

void WireExchange::respond(files::FileAnswer answer) {
  times_.set_started_here(Clock::now());
  state_.try_give_up();
  send_answer(std::move(answer));
  if (!reported_by_files_) report_access();
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
  if (answer.parts.size() > 1) return send_parts(std::move(answer));
  take_head({answer.status, answer.fields, answer.announces_length});
  if (answer.parts.size() == 1) {
    const files::ByteRange range = answer.parts.front().range;
    send_file(nullptr, {share(std::move(answer.file)), range.offset, range.length});
    return;
  }
  const std::string_view text = answer.text;
  write({&text, text.empty() ? 0u : 1u}, Rest::nothing, nullptr);
}

void WireExchange::send_parts(files::FileAnswer answer) {
  take_head({answer.status, answer.fields, answer.announces_length});
  // Before the first part: a response in its stead would come between them.
  if (!try_end()) return;
  const auto file = share(std::move(answer.file));
  const std::shared_ptr<FilesRecord> record = make_files_record();
  const std::string_view closing = answer.text;
  for (const files::FilePart& part : answer.parts) {
    const bool last = &part == &answer.parts.back();
    const std::string_view text = part.text;
    gateway::FileRange range{file, part.range.offset, part.range.length};
    if (write({&text, 1}, rest_of(range), nullptr) != gateway::SendStatus::ok) return;
    const std::uint64_t bytes = text.size() + range.length + (last ? closing.size() : 0);
    if (!queue_file(std::move(range), gateway::End::more, count_in(record, bytes, last))) return;
  }
  gather_.clear();
  wire_.framer.frame({}, {&closing, 1}, true, gather_);
  put(nullptr, kNeverCancelled, Outbox::Urgency::now);
  set_out();
}

}  // namespace appd::net

// Compares what a client knows of a file with the file.

#include "runtime/files/conditions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/support/ascii.hpp"

namespace appd::files {
namespace {

enum class Comparison : std::uint8_t { strong, weak };

/// An entity tag as sent, with its quotes.
struct SentTag {
  std::string_view tag;
  bool weak = false;
};

/// Removes the next tag of a list. A comma may be within the quotes. std::nullopt at the end, and
/// if it is malformed.
std::optional<SentTag> take_tag(std::string_view& list) noexcept {
  list.remove_prefix(std::min(list.find_first_not_of(", \t"), list.size()));
  const bool weak = list.starts_with("W/");
  if (weak) list.remove_prefix(2);
  if (!list.starts_with('"')) return std::nullopt;
  const std::size_t end = list.find('"', 1);
  if (end == std::string_view::npos) return std::nullopt;
  const SentTag sent{list.substr(0, end + 1), weak};
  list.remove_prefix(end + 1);
  return sent;
}

bool matches(std::string_view list, const Validators& validators, Comparison comparison) noexcept {
  if (support::trim(list) == "*") return true;
  while (const auto sent = take_tag(list)) {
    if (sent->weak && comparison == Comparison::strong) continue;
    if (sent->tag == validators.etag) return true;
  }
  return false;
}

/// Whether the file was modified after the date. std::nullopt if either is not known.
std::optional<bool> modified_after(std::string_view date, const Validators& validators) noexcept {
  const auto time = support::parse_http_date(support::trim(date));
  if (!time || !validators.modified) return std::nullopt;
  return *validators.modified > *time;
}

bool precondition_fails(const FileRequest& request, const Validators& validators) noexcept {
  if (!request.if_match.empty()) {
    return !matches(request.if_match, validators, Comparison::strong);
  }
  return modified_after(request.if_unmodified_since, validators).value_or(false);
}

bool client_has_it(const FileRequest& request, const Validators& validators) noexcept {
  if (!request.if_none_match.empty()) {
    return matches(request.if_none_match, validators, Comparison::weak);
  }
  return !modified_after(request.if_modified_since, validators).value_or(true);
}

}  // namespace

Validators make_validators(const FileFacts& facts, std::string_view suffix) {
  const Seconds seconds = facts.modified.tv_sec;
  if (seconds == 0 || seconds == 1) return {};
  const std::uint64_t time = static_cast<std::uint64_t>(seconds) * 1'000'000'000U +
                             static_cast<std::uint64_t>(facts.modified.tv_nsec);
  return {fmt::format("\"{:x}-{:x}{}\"", facts.size, time, suffix), seconds};
}

Verdict evaluate_conditions(const FileRequest& request, const Validators& validators) noexcept {
  if (precondition_fails(request, validators)) return Verdict::failed;
  return client_has_it(request, validators) ? Verdict::not_modified : Verdict::send;
}

bool range_applies(std::string_view if_range, const Validators& validators) noexcept {
  const std::string_view value = support::trim(if_range);
  if (value.empty()) return true;
  if (value.starts_with('"')) return value == validators.etag;
  const auto date = support::parse_http_date(value);
  return date && date == validators.modified;
}

}  // namespace appd::files

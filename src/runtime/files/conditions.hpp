// Whether the client has the file already, and whether it is still the one that the client means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/files/file_request.hpp"
#include "runtime/files/file_root.hpp"
#include "runtime/support/http_date.hpp"

namespace appd::files {

using support::Seconds;

/// What tells one content of a file from another.
struct Validators {
  std::string etag;                 ///< a strong entity tag with its quotes; "" if there is none
  std::optional<Seconds> modified;  ///< rounded down
};

/// The entity tag is "SIZE-TIME", both hexadecimal, the time in nanoseconds since 1970; `suffix` is
/// added within the quotes. Images and package stores set the time of all files to 0 or 1. It says
/// nothing then, so there are no validators.
Validators make_validators(const FileFacts& facts, std::string_view suffix = {});

enum class Verdict : std::uint8_t {
  send,
  not_modified,  ///< 304
  failed,        ///< 412
};

/// Evaluates the conditions of a GET or HEAD, in the order of RFC 9110 section 13.2.2. A date that
/// is malformed is no condition.
Verdict evaluate_conditions(const FileRequest& request, const Validators& validators) noexcept;

/// Whether Range counts, as far as If-Range says: if it is missing, or is the entity tag (strong
/// comparison) or exactly the date.
bool range_applies(std::string_view if_range, const Validators& validators) noexcept;

}  // namespace appd::files

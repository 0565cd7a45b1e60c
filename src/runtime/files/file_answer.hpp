// The response to a request for a static file, planned without reading the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/files/byte_ranges.hpp"
#include "runtime/files/content_coding.hpp"
#include "runtime/files/file_request.hpp"
#include "runtime/files/file_root.hpp"
#include "runtime/support/unique_fd.hpp"

namespace appd::files {

/// Text, and a part of the file after it.
struct FilePart {
  std::string text;
  ByteRange range;
};

/// Head and body of a response. The body is `parts` in their order, then `text`:
///
///     whole file, one range   one part without text; `text` is empty
///     several ranges          a part for each, with its head; `text` closes multipart/byteranges
///     refusal                 no part; `text` says why
///     HEAD, 304, empty file   no part and no text
///
/// The file may have been cut since it was opened. Then the response must be broken off.
struct FileAnswer {
  std::string status{};          ///< "206 Partial Content"
  std::string fields{};          ///< each "Name: value\r\n"
  bool announces_length = true;  ///< false for 304 alone
  support::UniqueFd file{};      ///< of `parts`; none if there are none
  std::vector<FilePart> parts{};
  std::string text{};
  int error = 0;  ///< errno if the file exists but cannot be opened, for the log; otherwise 0
};

/// A boundary that nobody can guess: whoever wrote the file cannot forge parts in it.
std::string random_boundary();

/// What the response says of the file beside its facts.
struct Presentation {
  std::string_view media_type{};          ///< of the file as it is, without parameters
  std::optional<ContentCoding> coding{};  ///< if the file to be sent is a compressed one beside it
  bool varies = false;                    ///< whether there may be compressed ones
  std::string cache_control{};            ///< the value of Cache-Control; "" omits the field
  /// For the parts of a multipart response.
  std::string (*make_boundary)() = random_boundary;
};

/// Plans the response to GET or HEAD, whose head is the same as GET's; but Range counts for GET
/// alone (RFC 9110 section 14.2). Several ranges of a compressed file get all of it: there is no
/// rule where Content-Encoding belongs in a multipart response.
FileAnswer plan_answer(const FileRequest& request, OpenFile file, const Presentation& as);

/// A response with a status and a sentence as plain text. `more_fields` as in FileAnswer.
FileAnswer make_refusal(const FileRequest& request, unsigned code, std::string_view reason,
                        std::string_view more_fields = {});

}  // namespace appd::files

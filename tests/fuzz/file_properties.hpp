// What must hold for each request for a static file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/files/file_answer.hpp"
#include "runtime/support/ascii.hpp"
#include "runtime/support/lines.hpp"

namespace appd::fuzz {

/// A request whose fields are the lines of `input`.
inline files::FileRequest file_request(std::string_view input) {
  files::FileRequest request;
  request.method = "GET";
  request.now = 2'000'000'000;
  for (auto field : {&files::FileRequest::range, &files::FileRequest::if_range,
                     &files::FileRequest::if_none_match, &files::FileRequest::if_modified_since,
                     &files::FileRequest::accept_encoding, &files::FileRequest::if_match,
                     &files::FileRequest::if_unmodified_since}) {
    request.*field = support::take_line(input);
  }
  return request;
}

/// The fields are lines of their own, without a byte of the client's that could end one.
inline bool are_fields(std::string_view fields) {
  while (!fields.empty()) {
    std::string_view line = support::take_line(fields);
    if (!line.ends_with('\r') || line.find(": ") == std::string_view::npos) return false;
    line.remove_suffix(1);
    if (std::any_of(line.begin(), line.end(), support::is_control)) return false;
  }
  return true;
}

/// "" or what is wrong with the parts of a file of `size` bytes.
inline std::string check_parts(const files::FileAnswer& answer, std::uint64_t size) {
  std::uint64_t length = answer.text.size();
  std::uint64_t of_file = 0;
  for (const auto& part : answer.parts) {
    const auto& range = part.range;
    if (range.length == 0 || range.offset >= size || range.length > size - range.offset) {
      return "a part that is not in the file";
    }
    of_file += range.length;
    length += part.text.size() + range.length;
  }
  if (of_file > size) return "the response is an amplifier";
  const std::string announced = "Content-Length: " + std::to_string(length) + "\r\n";
  const bool announces = answer.fields.find(announced) != std::string::npos;
  return announces == answer.announces_length ? "" : "the body has another length than announced";
}

/// "" or what is wrong with the answer to a request for a file of `size` bytes.
inline std::string check_answer(const files::FileRequest& request, std::uint64_t size,
                                std::optional<files::ContentCoding> coding) {
  constexpr std::string_view kStatuses[] = {"200", "206", "304", "412", "416"};
  const auto answer = files::plan_answer(request, {{}, {size, {784'111'777, 5}}},
                                         {.media_type = "text/css", .coding = coding});
  const auto status = std::string_view(answer.status).substr(0, 3);
  if (std::find(std::begin(kStatuses), std::end(kStatuses), status) == std::end(kStatuses)) {
    return "an unexpected status";
  }
  if (!are_fields(answer.fields)) return "malformed fields";
  return check_parts(answer, size);
}

/// The answers to the request of `input` are whole. Gives "", or what is wrong with one.
inline std::string check_file_request(std::string_view input) {
  const files::FileRequest request = file_request(input);
  std::string wrong;
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{100}, ~std::uint64_t{0} >> 1}) {
    wrong += check_answer(request, size, std::nullopt);
    for (const auto coding : files::preferred_codings(request.accept_encoding)) {
      wrong += check_answer(request, size, coding);
    }
  }
  return wrong;
}

}  // namespace appd::fuzz

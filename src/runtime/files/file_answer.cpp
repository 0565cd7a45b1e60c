// Composes heads and bodies of responses with files.

#include "runtime/files/file_answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>

#include "runtime/files/conditions.hpp"
#include "runtime/files/media_types.hpp"
#include "runtime/gateway/reason_phrase.hpp"

namespace appd::files {
namespace {

std::string status_of(unsigned code) {
  return fmt::format("{} {}", code, gateway::reason_phrase(code));
}

/// Adds nothing if the value is empty.
void add_field(std::string& fields, std::string_view name, std::string_view value) {
  if (!value.empty()) fields.append(name).append(": ").append(value).append("\r\n");
}

std::string_view suffix_of(const Presentation& as) noexcept {
  return as.coding ? names_of(*as.coding).suffix : std::string_view();
}

/// What a 304 has, too (RFC 9110 section 15.4.5).
std::string cache_fields(const FileRequest& request, const Presentation& as,
                         const Validators& validators) {
  std::string fields;
  if (validators.modified) {  // never later than now (section 8.8.2.1)
    const Seconds modified = std::min(*validators.modified, request.now);
    add_field(fields, "Last-Modified", support::format_http_date(modified));
  }
  add_field(fields, "ETag", validators.etag);
  add_field(fields, "Cache-Control", as.cache_control);
  add_field(fields, "Vary", as.varies ? "Accept-Encoding" : "");
  return fields;
}

/// A response with all of the file; its type and length may be changed by ranges.
struct Content {
  unsigned code = 200;
  std::string type;
  std::string range{};  ///< the value of Content-Range
  std::vector<FilePart> parts{};
  std::string closing{};
};

std::string content_range(const ByteRange& range, std::uint64_t size) {
  return fmt::format("bytes {}-{}/{}", range.offset, range.offset + range.length - 1, size);
}

Content whole_file(std::uint64_t size, std::string type) {
  Content content{.type = std::move(type)};
  if (size > 0) content.parts.push_back({"", {0, size}});
  return content;
}

Content one_range(const ByteRange& range, std::uint64_t size, std::string type) {
  return {.code = 206,
          .type = std::move(type),
          .range = content_range(range, size),
          .parts = {{"", range}}};
}

/// RFC 9110 section 14.6.
Content several_ranges(const std::vector<ByteRange>& ranges, std::uint64_t size,
                       std::string_view type, const std::string& boundary) {
  Content content{.code = 206, .type = "multipart/byteranges; boundary=" + boundary};
  std::string_view line_end;
  for (const ByteRange& range : ranges) {
    content.parts.push_back({fmt::format("{}--{}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
                                         line_end, boundary, type, content_range(range, size)),
                             range});
    line_end = "\r\n";
  }
  content.closing = fmt::format("\r\n--{}--\r\n", boundary);
  return content;
}

std::uint64_t length_of(const Content& content) noexcept {
  std::uint64_t length = content.closing.size();
  for (const FilePart& part : content.parts) length += part.text.size() + part.range.length;
  return length;
}

WantedRanges wanted_ranges(const FileRequest& request, std::uint64_t size, const Presentation& as,
                           const Validators& validators) {
  if (request.is_head() || !range_applies(request.if_range, validators)) return {};
  WantedRanges wanted = parse_ranges(request.range, size);
  if (as.coding && wanted.ranges.size() > 1) return {};
  return wanted;
}

Content make_content(const WantedRanges& wanted, std::uint64_t size, const Presentation& as) {
  std::string type = content_type(as.media_type);
  if (wanted.ranges.empty()) return whole_file(size, std::move(type));
  if (wanted.ranges.size() == 1) return one_range(wanted.ranges.front(), size, std::move(type));
  return several_ranges(wanted.ranges, size, type, as.make_boundary());
}

FileAnswer to_answer(Content content, const FileRequest& request, support::UniqueFd file,
                     const Presentation& as) {
  FileAnswer answer{.status = status_of(content.code)};
  add_field(answer.fields, "Content-Type", content.type);
  add_field(answer.fields, "Content-Length", std::to_string(length_of(content)));
  add_field(answer.fields, "Content-Range", content.range);
  add_field(answer.fields, "Content-Encoding", as.coding ? names_of(*as.coding).token : "");
  add_field(answer.fields, "Accept-Ranges", "bytes");
  add_field(answer.fields, "X-Content-Type-Options", "nosniff");
  if (request.is_head()) return answer;
  if (!content.parts.empty()) answer.file = std::move(file);
  answer.parts = std::move(content.parts);
  answer.text = std::move(content.closing);
  return answer;
}

FileAnswer not_modified() {
  return {.status = status_of(304), .announces_length = false};
}

}  // namespace

FileAnswer plan_answer(const FileRequest& request, OpenFile file, const Presentation& as) {
  const std::uint64_t size = file.facts.size;
  const Validators validators = make_validators(file.facts, suffix_of(as));
  const Verdict verdict = evaluate_conditions(request, validators);
  if (verdict == Verdict::failed) {
    return make_refusal(request, 412, "The file is not the one that the request is about.");
  }
  FileAnswer answer;
  if (verdict == Verdict::not_modified) {
    answer = not_modified();
  } else {
    const WantedRanges wanted = wanted_ranges(request, size, as, validators);
    if (wanted.kind == WantedRanges::Kind::unsatisfiable) {
      return make_refusal(request, 416, "The file has none of these bytes.",
                          fmt::format("Content-Range: bytes */{}\r\n", size));
    }
    answer = to_answer(make_content(wanted, size, as), request, std::move(file.file), as);
  }
  answer.fields += cache_fields(request, as, validators);
  return answer;
}

FileAnswer make_refusal(const FileRequest& request, unsigned code, std::string_view reason,
                        std::string_view more_fields) {
  FileAnswer answer{.status = status_of(code)};
  std::string text = fmt::format("{}\n{}\n", answer.status, reason);
  add_field(answer.fields, "Content-Type", "text/plain; charset=utf-8");
  add_field(answer.fields, "Content-Length", std::to_string(text.size()));
  answer.fields += more_fields;
  if (!request.is_head()) answer.text = std::move(text);
  return answer;
}

std::string random_boundary() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

}  // namespace appd::files

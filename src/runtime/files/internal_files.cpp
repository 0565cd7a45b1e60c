// Puts a file in the place of the application's body.

#include "runtime/files/internal_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "runtime/files/media_types.hpp"
#include "runtime/gateway/exchange.hpp"
#include "runtime/gateway/path_derivation.hpp"
#include "runtime/gateway/string_pool.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::files {
namespace {

using support::same_ignoring_case;

constexpr std::string_view kLineEnd = "\r\n";

/// They are about a body that is not sent.
constexpr std::array<std::string_view, 5> kOfBody{"content-length", "etag", "last-modified",
                                                  "accept-ranges", "content-range"};

struct Field {
  std::string_view line;  ///< with its end
  std::string_view name;
  std::string_view value;
};

/// Takes the first field off `fields`, which are whole lines and not empty.
Field take_field(std::string_view& fields) {
  const std::size_t end = std::min(fields.find(kLineEnd), fields.size() - kLineEnd.size());
  const std::string_view text = fields.substr(0, end);
  const std::size_t colon = std::min(text.find(':'), text.size());
  const Field field{fields.substr(0, end + kLineEnd.size()), text.substr(0, colon),
                    support::trim(text.substr(std::min(colon + 1, text.size())))};
  fields.remove_prefix(field.line.size());
  return field;
}

std::optional<Field> find_field(std::string_view fields, std::string_view lower) {
  while (fields.size() > kLineEnd.size()) {
    const Field field = take_field(fields);
    if (same_ignoring_case(field.name, lower)) return field;
  }
  return std::nullopt;
}

bool is_for_server(std::string_view name) noexcept {
  constexpr std::string_view kPrefix = "x-accel-";
  return same_ignoring_case(name.substr(0, kPrefix.size()), kPrefix) ||
         same_ignoring_case(name, gateway::kFileByPath);
}

bool is_dropped(std::string_view name) noexcept {
  return is_for_server(name) ||
         std::any_of(kOfBody.begin(), kOfBody.end(),
                     [&](std::string_view each) { return same_ignoring_case(name, each); });
}

std::string lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(), support::to_lower);
  return made;
}

/// The application's word counts where both say something; but parts are of the server's making.
std::string merged(std::string_view own, std::string_view of_file) {
  const auto type = find_field(of_file, "content-type");
  const bool in_parts = type && type->value.starts_with("multipart/");
  std::string fields;
  for (std::string_view rest = own; rest.size() > kLineEnd.size();) {
    const Field field = take_field(rest);
    const bool is_replaced = in_parts && same_ignoring_case(field.name, "content-type");
    if (!is_replaced && !is_dropped(field.name)) fields += field.line;
  }
  const std::string kept = fields;
  while (of_file.size() > kLineEnd.size()) {
    const Field field = take_field(of_file);
    if (!find_field(kept, lower(field.name))) fields += field.line;
  }
  return fields;
}

StaticFiles open(const std::vector<InternalFolder>& folders, std::string InternalFolder::*prefix) {
  std::vector<Mount> mounts;
  mounts.reserve(folders.size());
  for (const InternalFolder& each : folders) {
    mounts.push_back({each.*prefix, FileRoot(each.path), ""});
  }
  // Whether caches may keep what is for one client is for the application to say.
  constexpr StaticOptions kOptions{.max_age = 0, .precompressed = false, .hashed_names = false};
  return {std::move(mounts), MediaTypes::read(), kOptions};
}

std::string why_not(const FileAnswer& answer) {
  if (answer.error != 0) return std::strerror(answer.error);
  return answer.status.starts_with("404") ? "there is no such file" : "";
}

}  // namespace

InternalFiles::InternalFiles(const std::vector<InternalFolder>& folders)
    : by_prefix_(open(folders, &InternalFolder::prefix)),
      by_path_(open(folders, &InternalFolder::path)) {}

std::optional<InternalAnswer> InternalFiles::answer(std::string_view fields,
                                                    FileRequest request) const {
  auto named = find_field(fields, gateway::kFileOfSite);
  const bool by_prefix = named.has_value();
  if (!named) named = find_field(fields, gateway::kFileByPath);
  if (!named) return std::nullopt;
  if (request.method != "GET" && !request.is_head()) {  // its conditions are not about the file
    const Seconds now = request.now;
    request = FileRequest();
    request.method = "GET";
    request.now = now;
  }
  gateway::StringPool made;
  auto answer = by_prefix
                    ? by_prefix_.answer(
                          gateway::percent_decode(gateway::path_of(named->value), made), request)
                    : by_path_.answer(named->value, request);
  const auto about = [&](std::string_view what) {
    return fmt::format("{}: {}: {}", named->name, named->value, what);
  };
  if (!answer) {
    return InternalAnswer{make_refusal(request, 500, "The file cannot be sent."),
                          about("no folder of --internal-files has it")};
  }
  const std::string why = why_not(*answer);
  if (answer->status.starts_with('2') || answer->status.starts_with("304")) {
    answer->fields = merged(fields, answer->fields);
  }
  return InternalAnswer{std::move(*answer), why.empty() ? "" : about(why)};
}

}  // namespace appd::files

// Finds the file of a request and the form of it that the client likes best.

#include "runtime/files/static_files.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <string>
#include <utility>
#include <variant>

#include "runtime/files/hashed_name.hpp"

namespace appd::files {
namespace {

FileAnswer refuse(const FileRequest& request, const OpenFailure& failure) {
  switch (failure.problem) {
    case OpenProblem::not_found:
      return make_refusal(request, 404, "There is no such file.");
    case OpenProblem::forbidden:
      return make_refusal(request, 403, "The server may not read this file.");
    case OpenProblem::error:
      break;
  }
  const int error = failure.error;
  const bool passes = error == EMFILE || error == ENFILE || error == ENOMEM;
  return make_refusal(request, passes ? 503 : 500, "The file cannot be opened.");
}

}  // namespace

std::optional<FileAnswer> StaticFiles::answer(std::string_view path,
                                              const FileRequest& request) const {
  const auto place = mounts_.find(path);
  if (!place) return std::nullopt;
  if (request.method != "GET" && !request.is_head()) {
    return make_refusal(request, 405, "Files can only be read.", "Allow: GET, HEAD\r\n");
  }
  Opened opened = place->mount->root.open(place->file);
  if (auto* const file = std::get_if<OpenFile>(&opened)) {
    return send(*place, std::move(*file), request);
  }
  const auto failure = std::get<OpenFailure>(opened);
  FileAnswer answer = refuse(request, failure);
  if (failure.problem != OpenProblem::not_found) answer.error = failure.error;
  return answer;
}

FileAnswer StaticFiles::send(const Mounts::Place& place, OpenFile original,
                             const FileRequest& request) const {
  const std::string_view type = types_.type_of(place.file);
  const bool varies = options_.precompressed && is_compressible(type);
  Variant variant = choose_variant(place, std::move(original),
                                   varies ? request.accept_encoding : std::string_view());
  return plan_answer(request, std::move(variant.file),
                     {.media_type = type,
                      .coding = variant.coding,
                      .varies = varies,
                      .cache_control = cache_control(place.file)});
}

StaticFiles::Variant StaticFiles::choose_variant(const Mounts::Place& place, OpenFile original,
                                                 std::string_view accept_encoding) {
  for (const ContentCoding coding : preferred_codings(accept_encoding)) {
    const std::string name = place.file + std::string(names_of(coding).extension);
    Opened opened = place.mount->root.open(name);
    auto* const file = std::get_if<OpenFile>(&opened);
    if (file == nullptr) continue;
    if (file->facts.modified.tv_sec < original.facts.modified.tv_sec) continue;
    return {std::move(*file), coding};
  }
  return {std::move(original), std::nullopt};
}

std::string StaticFiles::cache_control(std::string_view file) const {
  if (options_.hashed_names && has_content_hash(file)) return "public, max-age=31536000, immutable";
  return options_.max_age == 0 ? "" : fmt::format("max-age={}", options_.max_age);
}

}  // namespace appd::files

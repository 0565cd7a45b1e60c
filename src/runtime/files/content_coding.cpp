// Weighs what a client accepts.

#include "runtime/files/content_coding.hpp"

#include <algorithm>
#include <optional>

#include "runtime/support/ascii.hpp"

namespace appd::files {
namespace {

using Weight = int;  // in thousandths; 0 means "not acceptable"

/// Removes the text up to the first `end`, with it, from `text` and returns it trimmed.
std::string_view take_until(std::string_view& text, char end) noexcept {
  const std::string_view taken = text.substr(0, text.find(end));
  text.remove_prefix(std::min(taken.size() + 1, text.size()));
  return support::trim(taken);
}

/// "1", "0.5", "0.333": at most three digits after the point.
std::optional<Weight> parse_weight(std::string_view text) noexcept {
  const std::string_view whole = text.substr(0, text.find('.'));
  std::string_view part = text.substr(std::min(whole.size() + 1, text.size()));
  if ((whole != "0" && whole != "1") || part.size() > 3) return std::nullopt;
  if (!part.empty() && !support::is_digits(part)) return std::nullopt;
  Weight weight = whole == "1" ? 1 : 0;
  for (std::size_t digit = 0; digit < 3; ++digit) {
    weight = weight * 10 + (digit < part.size() ? part[digit] - '0' : 0);
  }
  return weight <= 1000 ? std::optional(weight) : std::nullopt;
}

/// The weight after a coding: "q=0.5"; 1 without any.
std::optional<Weight> weight_in(std::string_view parameters) noexcept {
  if (parameters.empty()) return 1000;
  const std::string_view name = take_until(parameters, '=');
  return support::same_ignoring_case(name, "q") ? parse_weight(support::trim(parameters))
                                                : std::nullopt;
}

struct Weights {
  std::array<std::optional<Weight>, kCodings.size()> codings;
  std::optional<Weight> identity;
  std::optional<Weight> others;  ///< "*"
};

/// Where the weight of a coding belongs; null if the coding is of no use.
std::optional<Weight>* place_of(std::string_view coding, Weights& weights) noexcept {
  if (coding == "*") return &weights.others;
  if (support::same_ignoring_case(coding, "identity")) return &weights.identity;
  if (support::same_ignoring_case(coding, "x-gzip")) coding = "gzip";  // RFC 9110 section 8.4.1.3
  for (std::size_t i = 0; i < kCodings.size(); ++i) {
    if (support::same_ignoring_case(coding, kCodings[i].token)) return &weights.codings[i];
  }
  return nullptr;
}

Weights parse_weights(std::string_view value) noexcept {
  Weights weights;
  while (!value.empty()) {
    std::string_view item = take_until(value, ',');
    const std::string_view coding = take_until(item, ';');
    const auto weight = weight_in(support::trim(item));
    if (auto* const place = place_of(coding, weights); place && weight) *place = weight;
  }
  return weights;
}

}  // namespace

std::vector<ContentCoding> preferred_codings(std::string_view accept_encoding) {
  const Weights weights = parse_weights(accept_encoding);
  const auto weight_of = [&](ContentCoding coding) {
    return weights.codings[static_cast<std::size_t>(coding)].value_or(weights.others.value_or(0));
  };
  std::vector<ContentCoding> preferred;
  for (const auto coding : {ContentCoding::zstd, ContentCoding::br, ContentCoding::gzip}) {
    const Weight weight = weight_of(coding);
    if (weight > 0 && weight >= weights.identity.value_or(0)) preferred.push_back(coding);
  }
  std::stable_sort(preferred.begin(), preferred.end(), [&](ContentCoding one, ContentCoding other) {
    return weight_of(one) > weight_of(other);
  });
  return preferred;
}

}  // namespace appd::files

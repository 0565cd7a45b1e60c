// The elements of RFC 7239's field Forwarded.
#pragma once

#include <optional>
#include <string_view>

#include "runtime/gateway/string_pool.hpp"

namespace appd::gateway {

/// What one proxy says of what it has received. Values without their quotes, and not checked.
struct ForwardedElement {
  std::optional<std::string_view> client;  ///< `for`
  std::optional<std::string_view> proto;
  std::optional<std::string_view> host;
};

/// Takes the last element off `list`, and the comma before it. Quoted strings are found from the
/// right as well. So whatever a client has written, even a quote that never ends, does not change
/// what its proxy has added behind it.
std::string_view take_last_element(std::string_view& list) noexcept;

/// Reads "for=192.0.2.1;proto=https" (RFC 7239 section 4), with blanks around semicolons too. Other
/// parameters, such as `by`, are passed over. std::nullopt if the element is malformed, or names
/// one of the three twice. Views `text`, or strings in `made` where there are escapes.
std::optional<ForwardedElement> parse_forwarded_element(std::string_view text, StringPool& made);

}  // namespace appd::gateway

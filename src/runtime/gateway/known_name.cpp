// A hash index over the names of known variables.

#include "runtime/gateway/known_name.hpp"

#include <array>
#include <vector>

namespace appd::gateway {
namespace {

constexpr std::array<std::string_view, kKnownNames> kTexts = {
    "AUTH_TYPE",      "CONTENT_LENGTH",  "CONTENT_TYPE",
    "DOCUMENT_URI",   "HTTP_HOST",       "HTTP_X_FORWARDED_PROTO",
    "HTTPS",          "PATH_INFO",       "QUERY_STRING",
    "REMOTE_ADDR",    "REMOTE_PORT",     "REMOTE_USER",
    "REQUEST_METHOD", "REQUEST_SCHEME",  "REQUEST_URI",
    "SCGI",           "SCRIPT_NAME",     "SERVER_NAME",
    "SERVER_PORT",    "SERVER_PROTOCOL", "SERVER_SOFTWARE",
};

/// An index over the names.
struct Table {
  Table() {
    index.reset(kTexts.size());
    for (const std::string_view text : kTexts) {
      index.find_or_note(HashedName(text), list.size(), list);
      list.push_back({text, {}});
    }
  }

  std::vector<Variable> list;
  NameIndex index;
};
const Table table;

}  // namespace

std::string_view text_of(KnownName name) noexcept {
  return kTexts[static_cast<std::size_t>(name)];
}

KnownName known_name(const HashedName& name) noexcept {
  const std::size_t place = table.index.find(name, table.list);
  return place == NameIndex::kNone ? KnownName::none : static_cast<KnownName>(place);
}

}  // namespace appd::gateway

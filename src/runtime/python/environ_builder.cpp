// Builds environ dicts by copying patterns and updating changed values.

#include "runtime/python/environ_builder.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "runtime/python/errors.hpp"
#include "runtime/python/latin1.hpp"
#include "runtime/support/same_text.hpp"

namespace appd::python {
namespace {

/// Names that applications look up by a literal. They are interned, so that a look-up compares
/// pointers only. No other name is ever interned, since CPython 3.12 keeps interned strings for
/// ever.
constexpr std::array<std::string_view, 44> kKnownNames = {
    "AUTH_TYPE",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "DOCUMENT_ROOT",
    "DOCUMENT_URI",
    "GATEWAY_INTERFACE",
    "HTTPS",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_AUTHORIZATION",
    "HTTP_CACHE_CONTROL",
    "HTTP_CONNECTION",
    "HTTP_COOKIE",
    "HTTP_HOST",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_ORIGIN",
    "HTTP_PRAGMA",
    "HTTP_RANGE",
    "HTTP_REFERER",
    "HTTP_USER_AGENT",
    "HTTP_X_CSRFTOKEN",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_X_REQUESTED_WITH",
    "PATH_INFO",
    "QUERY_STRING",
    "REDIRECT_STATUS",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REMOTE_USER",
    "REQUEST_METHOD",
    "REQUEST_SCHEME",
    "REQUEST_URI",
    "SCRIPT_FILENAME",
    "SCRIPT_NAME",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
};
static_assert(std::is_sorted(kKnownNames.begin(), kKnownNames.end()));

/// Always in `Request::environ`, by its contract.
constexpr std::array kAlwaysThere = {"SCRIPT_NAME",    "PATH_INFO",   "QUERY_STRING",
                                     "REQUEST_METHOD", "SERVER_NAME", "SERVER_PORT",
                                     "SERVER_PROTOCOL"};

std::uint64_t word_at(const char* text, std::size_t size) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, text, size);
  return word;
}

/// Hashes length and the first and last eight bytes: cheap, and different for all names in use.
std::size_t hash_of(std::string_view name) noexcept {
  constexpr std::size_t kWord = 8;
  const std::size_t size = std::min(kWord, name.size());
  const std::uint64_t head =
      size == kWord ? word_at(name.data(), kWord) : word_at(name.data(), size);
  const std::uint64_t tail = size == kWord ? word_at(name.data() + name.size() - kWord, kWord) : 0;
  std::uint64_t mixed = (head ^ (tail << 7 | tail >> 57) ^ name.size()) * 0x9E3779B97F4A7C15ULL;
  mixed = (mixed ^ (mixed >> 29)) * 0xC2B2AE3D27D4EB4FULL;
  return static_cast<std::size_t>(mixed >> 48);
}

bool holds(const Ref& text, std::string_view bytes) noexcept {
  return text && support::same_text(view_latin1(text.get()), bytes);
}

Ref make_name(std::string_view bytes) {
  Ref name = make_latin1(bytes);
  if (std::binary_search(kKnownNames.begin(), kKnownNames.end(), bytes)) {
    PyObject* interned = name.release();
    PyUnicode_InternInPlace(&interned);
    name = Ref::steal(interned);
  }
  return name;
}

void set(PyObject* dict, PyObject* key, PyObject* value) {
  checked(PyDict_SetItem(dict, key, value));
}

/// For variables that are not cached.
void set_anew(PyObject* dict, const gateway::Variable& variable) {
  set(dict, make_latin1(variable.name).get(), make_latin1(variable.value).get());
}

}  // namespace

EnvironBuilder::EnvironBuilder(Ref base) : base_(std::move(base)), pairs_(kPairs) {}

// CPython copies a dict that is at least two thirds full by copying its whole table. So the base
// gets a table for 42 entries: names are added and removed again. A copy that takes the usual
// variables then need not grow three times. If a version of CPython behaves differently, only time
// is lost.
void EnvironBuilder::reserve(PyObject* base) {
  constexpr Py_ssize_t kEntriesForLargeTable = 22;
  const Ref empty = make_latin1("");
  for (const char* name : kAlwaysThere) set(base, make_name(name).get(), empty.get());
  std::vector<Ref> fillers;
  while (PyDict_Size(base) < kEntriesForLargeTable) {
    fillers.push_back(make_latin1("filler " + std::to_string(fillers.size())));
    set(base, fillers.back().get(), Py_None);
  }
  for (const Ref& filler : fillers) checked(PyDict_DelItem(base, filler.get()));
}

Ref EnvironBuilder::build(const gateway::Request& request) {
  const Variables variables = request.environ();
  const gateway::NamesId& names = request.names();
  if (!names.known()) return build_alone(variables);
  Pattern& pattern = pattern_for(names);
  if (pattern.names != names || !try_update(pattern, variables)) fill(pattern, names, variables);
  Ref environ = checked(PyDict_Copy(pattern.dict.get()));
  if (pattern.lacks_some) {
    for (const gateway::Variable& variable : variables) {
      if (!is_kept(variable)) set_anew(environ.get(), variable);
    }
  }
  return environ;
}

/// For requests with names that are unlikely to come again.
Ref EnvironBuilder::build_alone(Variables variables) {
  Ref environ = checked(PyDict_Copy(base_.get()));
  for (const gateway::Variable& variable : variables) {
    if (is_kept(variable)) {
      const Entry& entry = entry_for(variable);
      set(environ.get(), entry.name.get(), entry.value.get());
    } else {
      set_anew(environ.get(), variable);
    }
  }
  return environ;
}

EnvironBuilder::Pattern& EnvironBuilder::pattern_for(const gateway::NamesId& names) noexcept {
  const std::uint64_t mixed = (names.layout + 31 * names.dropped) * 0x9E3779B97F4A7C15ULL;
  return patterns_[(mixed >> 32) % kPatterns];
}

/// False if other variables are too long than before; then the pattern must be filled anew.
bool EnvironBuilder::try_update(Pattern& pattern, Variables variables) {
  Slot* next = pattern.slots.data();
  for (const gateway::Variable& variable : variables) {
    Slot& slot = *next++;
    if (slot.name && support::same_text(slot.text, variable.value)) continue;
    if (is_kept(variable) != static_cast<bool>(slot.name)) return false;
    if (!slot.name) continue;
    Ref value = make_latin1(variable.value);
    set(pattern.dict.get(), slot.name.get(), value.get());
    slot.text = view_latin1(value.get());
    slot.value = std::move(value);
  }
  return true;
}

void EnvironBuilder::fill(Pattern& pattern, const gateway::NamesId& names, Variables variables) {
  pattern.names = {};  // no valid pattern until it is complete
  pattern.slots.clear();
  pattern.dict = checked(PyDict_Copy(base_.get()));
  pattern.lacks_some = false;
  for (const gateway::Variable& variable : variables) {
    if (!is_kept(variable)) {
      pattern.lacks_some = true;
      pattern.slots.emplace_back();
      continue;
    }
    const Entry& entry = entry_for(variable);
    set(pattern.dict.get(), entry.name.get(), entry.value.get());
    pattern.slots.push_back({Ref::borrow(entry.name.get()), Ref::borrow(entry.value.get()),
                             view_latin1(entry.value.get())});
  }
  pattern.names = names;
}

/// The cached name together with the variable's value.
EnvironBuilder::Entry& EnvironBuilder::entry_for(const gateway::Variable& variable) {
  Entry& entry = entry_for(variable.name);
  if (!holds(entry.value, variable.value)) entry.value = make_latin1(variable.value);
  return entry;
}

EnvironBuilder::Entry& EnvironBuilder::entry_for(std::string_view name) {
  Pair& pair = pairs_[hash_of(name) % kPairs];
  if (holds(pair.newer.name, name)) return pair.newer;
  if (holds(pair.older.name, name)) return pair.older;
  Ref made = make_name(name);
  pair.older = std::exchange(pair.newer, Entry{std::move(made), Ref()});
  return pair.newer;
}

}  // namespace appd::python

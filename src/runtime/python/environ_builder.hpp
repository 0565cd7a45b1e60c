// Turns a request into the environ dict.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/gateway/request.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// Makes the CGI part of WSGI's environ from a request. There is one per pool thread. Only that
/// thread uses it, holding the interpreter.
///
/// A front sends nearly the same variables with each request. So whole dicts are kept as patterns.
/// The pattern with a request's names (`Request::names`) gets the values that changed and is
/// copied, which costs much less than filling a dict. For other requests, names and their last
/// values are cached. Both caches have a fixed number of places and take only short texts, so
/// clients cannot make them grow.
class EnvironBuilder {
 public:
  /// `base` has the entries that are the same for all requests; it is not changed.
  explicit EnvironBuilder(Ref base);

  /// A new dict: the base and `request.environ()`.
  Ref build(const gateway::Request& request);

  /// Adds to `base`, beside the constants, what lets copies of it be filled without growing (see
  /// the body). The values are placeholders for variables that every request has.
  static void reserve(PyObject* base);

 private:
  struct Entry {
    Ref name;
    Ref value;
  };
  struct Pair {  // of names with the same hash
    Entry newer;
    Entry older;
  };
  /// A variable of a pattern. Name and value are null if it is too long to be cached.
  struct Slot {
    Ref name;
    Ref value;
    std::string_view text;  // the value's text
  };
  /// An environ, with cached values of a request's variables.
  struct Pattern {
    gateway::NamesId names;  // of `slots`; unknown if there is no pattern
    Ref dict;
    std::vector<Slot> slots;  // in the order of the request
    bool lacks_some = false;
  };
  static constexpr std::size_t kPatterns = 16;
  static constexpr std::size_t kPairs = 512;
  static constexpr std::size_t kMaxName = 64;    // in bytes; longer names are not cached
  static constexpr std::size_t kMaxValue = 256;  // in bytes

  using Variables = std::span<const gateway::Variable>;

  static bool is_kept(const gateway::Variable& variable) noexcept {
    return variable.name.size() <= kMaxName && variable.value.size() <= kMaxValue;
  }
  Pattern& pattern_for(const gateway::NamesId& names) noexcept;
  static bool try_update(Pattern& pattern, Variables variables);
  void fill(Pattern& pattern, const gateway::NamesId& names, Variables variables);
  Ref build_alone(Variables variables);
  Entry& entry_for(std::string_view name);
  Entry& entry_for(const gateway::Variable& variable);

  Ref base_;
  std::array<Pattern, kPatterns> patterns_;  // found by their names
  std::vector<Pair> pairs_;                  // found by hash
};

}  // namespace appd::python

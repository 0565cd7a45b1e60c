#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/gateway/request.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// Makes the CGI part of WSGI's environ out of a request. One per pool thread, which alone uses it
/// and holds the interpreter meanwhile.
///
/// A front sends nearly the same variables with each request. So whole dicts are kept as patterns:
/// one that has the names of a request (`Request::names`) gets the values that are new and is
/// copied, which costs much less than to fill a dict. For the others, names and the values that
/// they last had are kept. Both have a fixed number of places and take short texts only: what a
/// client sends cannot make them grow.
class EnvironBuilder {
 public:
  /// `base`: a dict with what is the same for all requests; not changed.
  explicit EnvironBuilder(Ref base);

  /// A new dict: the base and `request.environ()`.
  Ref build(const gateway::Request& request);

  /// What `base` should hold beside the constants, so that copies of it need not grow while they
  /// are filled: see the body. Values are placeholders for variables that every request has.
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
  /// A variable of a pattern. One that is too long is not in it, and has neither name nor value.
  struct Slot {
    Ref name;
    Ref value;
    std::string_view text;  // the value's
  };
  /// An environ with what is kept of a request's variables.
  struct Pattern {
    gateway::NamesId names;  // of `slots`; not known: there is no pattern
    Ref dict;
    std::vector<Slot> slots;  // in the order of the request
    bool lacks_some = false;
  };
  static constexpr std::size_t kPatterns = 16;
  static constexpr std::size_t kPairs = 512;
  static constexpr std::size_t kMaxName = 64;    // bytes; longer ones are not kept
  static constexpr std::size_t kMaxValue = 256;  // bytes

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
  std::array<Pattern, kPatterns> patterns_;  // by their names
  std::vector<Pair> pairs_;                  // by hash
};

}  // namespace appd::python

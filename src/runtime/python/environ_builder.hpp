#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "runtime/gateway/request.hpp"
#include "runtime/python/ref.hpp"

namespace appd::python {

/// Makes the CGI part of WSGI's environ out of a request. One per pool thread, which alone uses it
/// and holds the interpreter meanwhile.
///
/// Names and the values that they last had are kept, since a front sends nearly the same variables
/// with each request. The cache has a fixed number of places and takes short texts only, so what a
/// client sends cannot make it grow.
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
  static constexpr std::size_t kPairs = 512;
  static constexpr std::size_t kMaxName = 64;    // bytes; longer ones are not kept
  static constexpr std::size_t kMaxValue = 256;  // bytes

  void put(PyObject* environ, const gateway::Variable& variable);
  Entry& entry_for(std::string_view name);

  Ref base_;
  std::vector<Pair> pairs_;  // by hash
};

}  // namespace appd::python

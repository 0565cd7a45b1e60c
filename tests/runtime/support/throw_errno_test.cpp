// Tests of the text of system errors.

#include "runtime/support/throw_errno.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string_view>
#include <system_error>

using appd::support::throw_errno;

namespace {

std::system_error thrown(std::string_view call, std::string_view detail) {
  try {
    errno = EACCES;
    throw_errno(call, detail);
  } catch (const std::system_error& error) {
    return error;
  }
}

}  // namespace

TEST_SUITE("throw_errno") {
  TEST_CASE("the error names call, argument and cause") {
    const std::system_error error = thrown("bind", "/run/app.sock");
    CHECK(error.code().value() == EACCES);
    CHECK(std::string_view(error.what()) == "bind /run/app.sock: Permission denied");
  }

  TEST_CASE("the argument may be left out") {
    CHECK(std::string_view(thrown("fork", "").what()) == "fork: Permission denied");
  }
}

// The main function of unit tests, with a time limit for each case.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <string>

namespace {

/// No signal that a test, or what it tests, has to do with.
int limit_signal() noexcept {
  return SIGRTMIN + 3;
}

constexpr int kExitCode = 124;  // timeout(1)'s
/// What the handler says; also when objects of the program are being destroyed.
std::string& overdue = *new std::string;

extern "C" void on_overdue(int) {
  [[maybe_unused]] const ssize_t n = ::write(STDOUT_FILENO, overdue.data(), overdue.size());
  ::_exit(kExitCode);
}

/// Seconds that a case may take: far more than any does, under a sanitizer and beside other work,
/// too. What it forks does not inherit it.
long limit() {
  const char* const given = std::getenv("APPD_TEST_CASE_LIMIT");
  return given != nullptr ? std::atol(given) : 120;
}

/// A case that hangs, on a wake-up that was lost for instance, fails by its name.
class CaseLimit final : public doctest::IReporter {
 public:
  explicit CaseLimit(const doctest::ContextOptions&) {
    struct sigaction action {};
    action.sa_handler = on_overdue;
    ::sigaction(limit_signal(), &action, nullptr);
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = limit_signal();
    ::timer_create(CLOCK_MONOTONIC, &event, &timer_);
  }

  void test_case_start(const doctest::TestCaseData& test) override {
    limit_time_of("\nTEST CASE:  " + std::string(test.m_name) + "\n" + test.m_file.c_str() + ":" +
                  std::to_string(test.m_line));
  }
  void test_case_reenter(const doctest::TestCaseData&) override { set(limit()); }
  void test_case_end(const doctest::CurrentTestCaseStats&) override { set(0); }
  /// What a case that failed has left running may keep the program from its end.
  void test_run_end(const doctest::TestRunStats&) override {
    limit_time_of("\nall cases have run");
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  void limit_time_of(const std::string& what) {
    overdue = what + ": it has not ended within " + std::to_string(limit()) + " s\n";
    set(limit());
  }
  void set(long seconds) {
    const itimerspec time{{}, {seconds, 0}};
    ::timer_settime(timer_, 0, &time, nullptr);
  }

  timer_t timer_{};
};

REGISTER_LISTENER("case limit", 1, CaseLimit);

}  // namespace

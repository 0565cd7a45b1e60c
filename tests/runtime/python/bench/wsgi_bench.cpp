// Measures what one call of a hello-world application costs on the bridge's side.
// That is environ, call and response, with an exchange that does nothing. Prints nanoseconds per
// call. Arguments: calls, and a module.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "fakes/memory_exchange.hpp"
#include "fakes/memory_reporter.hpp"
#include "runtime/python/embedded_python.hpp"
#include "runtime/python/python_runtime.hpp"

namespace {

using namespace appd;

fakes::Variables nginx_variables() {
  return {
      {"QUERY_STRING", ""},
      {"REQUEST_METHOD", "GET"},
      {"CONTENT_TYPE", ""},
      {"CONTENT_LENGTH", ""},
      {"SCRIPT_NAME", "/hello"},
      {"REQUEST_URI", "/hello"},
      {"DOCUMENT_URI", "/hello"},
      {"DOCUMENT_ROOT", "/usr/share/nginx/html"},
      {"SERVER_PROTOCOL", "HTTP/1.1"},
      {"REQUEST_SCHEME", "http"},
      {"GATEWAY_INTERFACE", "CGI/1.1"},
      {"SERVER_SOFTWARE", "nginx/1.22.1"},
      {"REMOTE_ADDR", "127.0.0.1"},
      {"REMOTE_PORT", "40000"},
      {"REMOTE_USER", "somebody"},
      {"SERVER_ADDR", "127.0.0.1"},
      {"SERVER_PORT", "8080"},
      {"SERVER_NAME", "example.test"},
      {"REDIRECT_STATUS", "200"},
      {"HTTP_HOST", "example.test"},
      {"HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0"},
      {"HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
      {"HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5"},
      {"HTTP_ACCEPT_ENCODING", "gzip, deflate, br"},
      {"HTTP_COOKIE", "sessionid=0123456789abcdef0123456789abcdef"},
      {"HTTP_CONNECTION", "keep-alive"},
      {"HTTP_CACHE_CONTROL", "max-age=0"},
  };
}

class NullExchange final : public gateway::Exchange {
 public:
  NullExchange() { fakes::fill_request(request_, nginx_variables()); }
  void reset() noexcept { head_sent_ = false; }

  const gateway::Request& request() const noexcept override { return request_; }
  gateway::BodyRead try_read_body(std::span<char>) noexcept override {
    return {gateway::BodyStatus::end, 0};
  }
  void wait_body() noexcept override {}
  gateway::Sent send(const gateway::ResponseHead*, std::span<const std::string_view> pieces,
                     gateway::End, gateway::Keeper*) noexcept override {
    head_sent_ = true;
    std::size_t size = 0;
    for (const std::string_view piece : pieces) size += piece.size();
    return {gateway::SendStatus::ok, size};
  }
  gateway::SendStatus send_file(const gateway::ResponseHead*,
                                gateway::FileRange) noexcept override {
    head_sent_ = true;
    return gateway::SendStatus::ok;
  }
  void wait_room() noexcept override {}
  bool head_sent() const noexcept override { return head_sent_; }
  void break_off() noexcept override {}
  void send_error_text(std::string_view) noexcept override {}
  bool front_gone() const noexcept override { return false; }

 private:
  gateway::Request request_;
  bool head_sent_ = false;
};

class Repeat final : public gateway::ExchangeSource {
 public:
  Repeat(std::shared_ptr<NullExchange> exchange, long calls)
      : exchange_(std::move(exchange)), left_(calls) {}
  std::shared_ptr<gateway::Exchange> next(
      std::shared_ptr<gateway::Exchange> done) noexcept override {
    if (!done) return exchange_;
    exchange_->reset();
    return --left_ > 0 ? std::move(done) : nullptr;
  }

 private:
  const std::shared_ptr<NullExchange> exchange_;
  long left_;
};

}  // namespace

int main(int count, char** arguments) {
  const long calls = count > 1 ? std::atol(arguments[1]) : 1'000'000;
  const std::string module = count > 2 ? arguments[2] : APPD_BENCH_SOURCES "/hello.py";
  fakes::MemoryReporter reporter;
  python::start_embedded_python();
  python::PythonRuntime runtime(
      {.module = module, .pythonpath = {}, .multithread = false, .multiprocess = false}, reporter);
  runtime.load_application();
  runtime.start_pool(1, [&](unsigned) {
    const auto exchange = std::make_shared<NullExchange>();
    const auto serve = [&](long repeats) {
      Repeat repeat(exchange, repeats);
      runtime.application().serve(repeat);
    };
    serve(calls / 10 + 1);
    auto start = std::chrono::steady_clock::now();
    serve(calls);
    auto end = std::chrono::steady_clock::now();
    std::printf("%.0f ns per call, kept\n",
                std::chrono::duration<double, std::nano>(end - start).count() / double(calls));
    start = std::chrono::steady_clock::now();
    for (long i = 0; i < calls; ++i) serve(1);
    end = std::chrono::steady_clock::now();
    std::printf("%.0f ns per call, one by one\n",
                std::chrono::duration<double, std::nano>(end - start).count() / double(calls));
  });
  runtime.release_main();
  runtime.join_pool();
  return runtime.finalize() ? 0 : 1;
}

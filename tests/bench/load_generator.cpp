// A closed loop of requests over N connections, for benches and for tests that need many requests.
//
//   appd_load WIRE ADDRESS CONNECTIONS REQUESTS [STATUS LENGTH [METHOD BODY_BYTES]]
//
// WIRE: fastcgi-kept, fastcgi, uwsgi, scgi. ADDRESS: a Unix socket's path or host:port. Every
// answer's status and body length are checked (default: those of the first answer); a wrong or
// failed one ends the run with exit code 1. Prints one line of JSON: requests, seconds,
// requests_per_second, and the latencies p50, p99, p999 in microseconds.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Socket = asio::generic::stream_protocol::socket;
using Endpoint = asio::generic::stream_protocol::endpoint;
using boost::system::error_code;

enum class Wire { fastcgi_kept, fastcgi, uwsgi, scgi };

struct Plan {
  Wire wire = Wire::fastcgi_kept;
  Endpoint endpoint;
  std::size_t connections = 1;
  std::size_t requests = 1;
  std::optional<unsigned> status;
  std::optional<std::size_t> length;
  std::string method = "GET";
  std::size_t body = 0;
};

// -- Requests as bytes
// ------------------------------------------------------------------------------

/// What nginx sends for a plain request: 25 variables.
std::vector<std::pair<std::string, std::string>> variables(const Plan& plan) {
  const std::string length = plan.body > 0 ? std::to_string(plan.body) : "";
  return {
      {"QUERY_STRING", "a=1&b=2"},
      {"REQUEST_METHOD", plan.method},
      {"CONTENT_TYPE", plan.body > 0 ? "application/octet-stream" : ""},
      {"CONTENT_LENGTH", length},
      {"REQUEST_URI", "/bench/path?a=1&b=2"},
      {"PATH_INFO", "/bench/path"},
      {"SCRIPT_NAME", ""},
      {"DOCUMENT_ROOT", "/usr/share/nginx/html"},
      {"SERVER_PROTOCOL", "HTTP/1.1"},
      {"REQUEST_SCHEME", "http"},
      {"GATEWAY_INTERFACE", "CGI/1.1"},
      {"SERVER_SOFTWARE", "nginx/1.22.1"},
      {"REMOTE_ADDR", "127.0.0.1"},
      {"REMOTE_PORT", "43210"},
      {"SERVER_ADDR", "127.0.0.1"},
      {"SERVER_PORT", "8080"},
      {"SERVER_NAME", "bench.test"},
      {"HTTP_HOST", "bench.test"},
      {"HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0"},
      {"HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
      {"HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5"},
      {"HTTP_ACCEPT_ENCODING", "gzip, deflate, br"},
      {"HTTP_COOKIE", "session=0123456789abcdef0123456789abcdef"},
      {"HTTP_CONNECTION", "keep-alive"},
      {"HTTP_CACHE_CONTROL", "max-age=0"}};
}

void put_length(std::string& out, std::size_t size) {
  if (size < 128) {
    out += static_cast<char>(size);
    return;
  }
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>((size >> shift & 0xff) | (shift == 24 ? 0x80 : 0));
  }
}

void put_record(std::string& out, int type, std::string_view content) {
  const std::array<int, 8> header{
      1, type, 0, 1, static_cast<int>(content.size() >> 8), static_cast<int>(content.size() & 0xff),
      0, 0};
  for (int byte : header) out += static_cast<char>(byte);
  out += content;
}

std::string fastcgi_request(const Plan& plan) {
  std::string params;
  for (const auto& [name, value] : variables(plan)) {
    put_length(params, name.size());
    put_length(params, value.size());
    params += name + value;
  }
  std::string out;
  const bool keep = plan.wire == Wire::fastcgi_kept;
  put_record(out, 1, std::string{0, 1, static_cast<char>(keep), 0, 0, 0, 0, 0});
  put_record(out, 4, params);
  put_record(out, 4, {});
  const std::string body(plan.body, 'x');
  for (std::size_t at = 0; at < body.size(); at += 32768) {
    put_record(out, 5, std::string_view(body).substr(at, 32768));
  }
  put_record(out, 5, {});
  return out;
}

std::string uwsgi_request(const Plan& plan) {
  std::string block;
  const auto put = [&block](const std::string& text) {
    block += static_cast<char>(text.size() & 0xff);
    block += static_cast<char>(text.size() >> 8);
    block += text;
  };
  for (const auto& [name, value] : variables(plan)) {
    put(name);
    put(value);
  }
  std::string out{0, static_cast<char>(block.size() & 0xff), static_cast<char>(block.size() >> 8),
                  0};
  return out + block + std::string(plan.body, 'x');
}

std::string scgi_request(const Plan& plan) {
  std::string block = "CONTENT_LENGTH" + std::string(1, '\0') + std::to_string(plan.body) +
                      std::string(1, '\0') + "SCGI" + std::string(1, '\0') + "1" +
                      std::string(1, '\0');
  for (const auto& [name, value] : variables(plan)) {
    if (name != "CONTENT_LENGTH") block += name + '\0' + value + '\0';
  }
  return std::to_string(block.size()) + ":" + block + "," + std::string(plan.body, 'x');
}

std::string make_request(const Plan& plan) {
  switch (plan.wire) {
    case Wire::fastcgi_kept:
    case Wire::fastcgi:
      return fastcgi_request(plan);
    case Wire::uwsgi:
      return uwsgi_request(plan);
    case Wire::scgi:
      return scgi_request(plan);
  }
  return {};
}

// -- Answers
// ----------------------------------------------------------------------------------------

/// Follows one answer through any cut of its bytes: unframes FastCGI, finds status and body length.
class Answer {
 public:
  explicit Answer(bool fastcgi) : fastcgi_(fastcgi) {}

  void reset() { *this = Answer(fastcgi_); }
  bool ended() const { return ended_; }
  unsigned status() const { return status_; }
  std::size_t body() const { return body_; }

  void take(std::string_view bytes) {
    if (!fastcgi_) {
      content(bytes);
      return;
    }
    while (!bytes.empty()) {
      if (header_size_ < header_.size()) {
        header_[header_size_++] = static_cast<unsigned char>(bytes.front());
        bytes.remove_prefix(1);
        if (header_size_ < header_.size()) continue;
        left_ = static_cast<std::size_t>(header_[4] << 8 | header_[5]);
        padding_ = header_[6];
        if (left_ + padding_ > 0) continue;
      } else if (left_ > 0) {
        const std::string_view part = bytes.substr(0, left_);
        if (header_[1] == 6) content(part);
        left_ -= part.size();
        bytes.remove_prefix(part.size());
      } else {
        const std::size_t skipped = std::min(padding_, bytes.size());
        padding_ -= skipped;
        bytes.remove_prefix(skipped);
      }
      if (left_ + padding_ == 0) {
        ended_ = header_[1] == 3;
        header_size_ = 0;
      }
    }
  }

 private:
  void content(std::string_view bytes) {
    if (head_ended_) {
      body_ += bytes.size();
      return;
    }
    head_ += bytes;
    const std::size_t end = head_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    head_ended_ = true;
    body_ = head_.size() - end - 4;
    const std::size_t space = head_.find(' ');
    std::from_chars(head_.data() + space + 1, head_.data() + space + 4, status_);
  }

  bool fastcgi_;
  std::array<unsigned char, 8> header_{};
  std::size_t header_size_ = 0;
  std::size_t left_ = 0;
  std::size_t padding_ = 0;
  std::string head_;
  bool head_ended_ = false;
  bool ended_ = false;
  unsigned status_ = 0;
  std::size_t body_ = 0;
};

// -- The run
// ----------------------------------------------------------------------------------------

/// What all connections share.
struct Run {
  Plan plan;
  std::string request;
  std::size_t started = 0;
  std::vector<std::uint32_t> latencies;  // microseconds
  std::string failure;
};

class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(asio::io_context& loop, Run& run)
      : run_(run), socket_(loop), answer_(run.plan.wire <= Wire::fastcgi), input_(65536) {}

  void next() {
    if (run_.started == run_.plan.requests || !run_.failure.empty()) return;
    ++run_.started;
    answer_.reset();
    begun_ = Clock::now();
    if (socket_.is_open()) {
      send();
      return;
    }
    error_code error;
    socket_.connect(run_.plan.endpoint, error);
    if (error) return fail("connect: " + error.message());
    send();
  }

 private:
  void send() {
    // Reading begins at once: a server may answer before it has read a whole body.
    receive();
    asio::async_write(socket_, asio::buffer(run_.request),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (error && error != asio::error::operation_aborted) {
                          self->fail("write: " + error.message());
                        }
                      });
  }

  void receive() {
    socket_.async_read_some(asio::buffer(input_),
                            [self = shared_from_this()](error_code error, std::size_t size) {
                              self->on_input(error, size);
                            });
  }

  void on_input(error_code error, std::size_t size) {
    answer_.take({input_.data(), size});
    const bool kept = run_.plan.wire == Wire::fastcgi_kept;
    if (error && error != asio::error::eof) return fail("read: " + error.message());
    if (error == asio::error::eof) {
      if (kept) return fail("the server closed a kept connection");
      socket_.close();
      return on_answer();
    }
    if (kept && answer_.ended()) return on_answer();
    receive();
  }

  void on_answer() {
    const auto lasted =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun_);
    run_.latencies.push_back(static_cast<std::uint32_t>(lasted.count()));
    Plan& plan = run_.plan;
    if (!plan.status) plan.status = answer_.status();
    if (!plan.length) plan.length = answer_.body();
    if (answer_.status() != *plan.status || answer_.body() != *plan.length) {
      return fail(fmt::format("got status {} with {} bytes instead of {} with {}", answer_.status(),
                              answer_.body(), *plan.status, *plan.length));
    }
    next();
  }

  void fail(std::string why) {
    if (run_.failure.empty()) run_.failure = std::move(why);
    error_code ignored;
    socket_.close(ignored);
  }

  Run& run_;
  Socket socket_;
  Answer answer_;
  std::vector<char> input_;
  Clock::time_point begun_;
};

std::uint32_t percentile(const std::vector<std::uint32_t>& sorted, double share) {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

Endpoint parse_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return asio::local::stream_protocol::endpoint(text);
  return asio::ip::tcp::endpoint(asio::ip::make_address(text.substr(0, colon)),
                                 static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1))));
}

Wire parse_wire(std::string_view name) {
  if (name == "fastcgi-kept") return Wire::fastcgi_kept;
  if (name == "fastcgi") return Wire::fastcgi;
  if (name == "uwsgi") return Wire::uwsgi;
  if (name == "scgi") return Wire::scgi;
  throw std::invalid_argument("unknown wire");
}

Plan parse_plan(int argc, char** argv) {
  if (argc < 5) throw std::invalid_argument("WIRE ADDRESS CONNECTIONS REQUESTS are needed");
  Plan plan;
  plan.wire = parse_wire(argv[1]);
  plan.endpoint = parse_endpoint(argv[2]);
  plan.connections = std::stoul(argv[3]);
  plan.requests = std::stoul(argv[4]);
  if (argc > 6) {
    plan.status = static_cast<unsigned>(std::stoul(argv[5]));
    plan.length = std::stoul(argv[6]);
  }
  if (argc > 8) {
    plan.method = argv[7];
    plan.body = std::stoul(argv[8]);
  }
  return plan;
}

int run(Plan plan) {
  Run run{std::move(plan), {}, 0, {}, {}};
  run.request = make_request(run.plan);
  run.latencies.reserve(run.plan.requests);
  asio::io_context loop(1);
  const auto begun = Clock::now();
  for (std::size_t i = 0; i < run.plan.connections; ++i)
    std::make_shared<Client>(loop, run)->next();
  loop.run();
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  if (!run.failure.empty() || run.latencies.size() != run.plan.requests) {
    fmt::print(stderr, "appd_load: {} of {} requests answered: {}\n", run.latencies.size(),
               run.plan.requests, run.failure);
    return 1;
  }
  std::sort(run.latencies.begin(), run.latencies.end());
  fmt::print(
      "{{\"requests\": {}, \"seconds\": {:.3f}, \"requests_per_second\": {:.0f}, \"p50\": {}, "
      "\"p99\": "
      "{}, \"p999\": {}}}\n",
      run.plan.requests, seconds, static_cast<double>(run.plan.requests) / seconds,
      percentile(run.latencies, 0.5), percentile(run.latencies, 0.99),
      percentile(run.latencies, 0.999));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse_plan(argc, argv));
  } catch (const std::exception& error) {
    fmt::print(stderr, "appd_load: {}\n", error.what());
    return 2;
  }
}

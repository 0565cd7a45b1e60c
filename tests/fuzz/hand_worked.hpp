// The log and the pool of a connection whose life is a script.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/gateway/reporter.hpp"
#include "runtime/net/connection.hpp"
#include "runtime/net/dispatcher.hpp"
#include "runtime/net/wire_exchange.hpp"

namespace appd::fuzz {

/// Counts the lines of the access log.
class Silent final : public gateway::Reporter {
 public:
  bool wants(gateway::Level) const noexcept override { return true; }
  void report(gateway::LogEvent, std::string_view) noexcept override {}
  bool wants_access() const noexcept override { return true; }
  void access(const gateway::AccessRecord&) noexcept override { ++accesses; }

  std::size_t accesses = 0;
};

/// Keeps what is submitted, and what is to be notified, until the script comes to it.
class HandWorked final : public net::Dispatcher {
 public:
  bool submit(const std::shared_ptr<net::WireExchange>& exchange) noexcept override {
    if (queued.size() >= 3) return false;
    ++submitted;
    queued.push_back(exchange);
    return true;
  }
  bool saturated() const noexcept override { return false; }
  void notify(std::shared_ptr<net::Connection> connection) noexcept override {
    seen = connection;
    notified.push_back(std::move(connection));
    ++words;
  }
  void notify_later(std::shared_ptr<net::Connection> connection) noexcept override {
    seen = connection;
    later.push_back(std::move(connection));
  }
  void schedule_flush(std::shared_ptr<net::Connection> connection) noexcept override {
    seen = connection;
    holding.push_back(std::move(connection));
    ++words;
  }

  std::deque<std::shared_ptr<net::WireExchange>> queued;
  std::vector<std::shared_ptr<net::Connection>> notified;
  std::vector<std::shared_ptr<net::Connection>> later;
  std::vector<std::shared_ptr<net::Connection>> holding;
  std::weak_ptr<net::Connection> seen;
  std::size_t submitted = 0;
  std::size_t words = 0;
};

}  // namespace appd::fuzz

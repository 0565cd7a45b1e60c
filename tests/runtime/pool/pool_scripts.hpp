// The application that tests of the pool ask, and the requests they ask it with.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fakes/front_protocols.hpp"
#include "fakes/scripted_application.hpp"

namespace appd::test {

/// A call that does nothing but last.
inline void work_for(std::chrono::microseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) continue;
}

struct Scripts : ScriptedApplication {
  std::mutex mutex;
  std::vector<std::string> order;
  std::set<std::thread::id> threads;

  Scripts() {
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello"); });
    on("/wait", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "waited");
    });
    on("/note", [this](gateway::Exchange& exchange) {
      note(exchange);
      respond(exchange, "noted");
    });
    on("/slow", [this](gateway::Exchange& exchange) {
      note(exchange);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      respond(exchange, "slow");
    });
    on("/read", [](gateway::Exchange& exchange) { respond(exchange, read_all(exchange)); });
    on("/stream", [](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", {}};
      if (stream(exchange, &head, std::string(3 << 20, 's'))) end(exchange);
    });
    on("/blocks", [this](gateway::Exchange& exchange) {
      const auto count = *exchange.request().content_length();
      const gateway::ResponseHead head{"200 OK", {}};
      stream(exchange, &head, "0,");
      for (std::uint64_t i = 1; i < count; ++i) {
        stream(exchange, nullptr, std::to_string(i) + ",");
      }
      gate.wait();
      end(exchange);
    });
  }

  void note(gateway::Exchange& exchange) {
    const std::lock_guard lock(mutex);
    order.emplace_back(exchange.request().find("CONTENT_LENGTH"));
    threads.insert(std::this_thread::get_id());
  }
};

/// A request that its body's length tells from others.
inline Asked numbered(const std::string& path, std::size_t number) {
  Asked asked;
  asked.path = path;
  asked.method = "POST";
  asked.body = std::string(number, 'n');
  return asked;
}

/// What `/blocks` sends.
inline std::string numbers(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += std::to_string(i) + ",";
  return text;
}

}  // namespace appd::test

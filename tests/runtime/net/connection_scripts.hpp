// What the tests of connections have in common: an application, and what a whole response is.
#pragma once

#include <string>

#include "fakes/front_protocols.hpp"
#include "fakes/pattern.hpp"
#include "fakes/scripted_application.hpp"

namespace appd::test {

/// An application with the scripts that most tests need.
struct ConnectionScripts : ScriptedApplication {
  std::string big = pattern(4 << 20);

  ConnectionScripts() {
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello"); });
    on("/echo", [](gateway::Exchange& exchange) { respond(exchange, read_all(exchange)); });
    on("/length", [](gateway::Exchange& exchange) {
      respond(exchange, exchange.request().find("CONTENT_LENGTH"));
    });
    on("/ignore", [](gateway::Exchange& exchange) { respond(exchange, "not read"); });
    on("/big", [this](gateway::Exchange& exchange) { respond(exchange, big); });
    on("/wait", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "waited");
    });
    on("/stream", [this](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", {}};
      if (stream(exchange, &head, big)) end(exchange);
    });
  }
};

inline bool is_complete(Speech speech, const FrontResponse& response) {
  if (response.late_bytes) return false;
  return !is_fastcgi(speech) || (response.stdout_ended && response.ends == 1);
}

}  // namespace appd::test

// What the tests of a server have in common: an application, and uploads that are not whole.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "fakes/front_protocols.hpp"
#include "fakes/scripted_application.hpp"

namespace appd::test {

/// An application with the scripts that most tests need.
struct ServerScripts : ScriptedApplication {
  ServerScripts() {
    on("/hello", [](gateway::Exchange& exchange) { respond(exchange, "hello"); });
    on("/echo", [](gateway::Exchange& exchange) { respond(exchange, read_all(exchange)); });
    on("/wait", [this](gateway::Exchange& exchange) {
      gate.wait();
      respond(exchange, "waited");
    });
    on("/stream", [](gateway::Exchange& exchange) {
      const gateway::ResponseHead head{"200 OK", {}};
      if (stream(exchange, &head, std::string(16 << 20, 'x'))) end(exchange);
    });
  }
};

inline Asked upload(std::string path, std::size_t sent, std::size_t announced) {
  Asked asked;
  asked.path = std::move(path);
  asked.method = "POST";
  asked.body = std::string(sent, 'b');
  asked.length = std::to_string(announced);
  return asked;
}

/// A request without FastCGI's end of the body.
inline std::string unfinished(Speech speech, const Asked& asked) {
  std::string bytes = request(speech, asked);
  if (is_fastcgi(speech)) bytes.resize(bytes.size() - 8);
  return bytes;
}

}  // namespace appd::test

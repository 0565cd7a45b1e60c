// Checks responses that end with their connection.

#include "bench/load/cgi_response.hpp"

namespace appd::load {

void CgiResponse::begin() {
  content_.clear();
  ended_ = false;
}

bool CgiResponse::take(std::string_view bytes) {
  return content_.take(bytes) || wrong("its head is none");
}

bool CgiResponse::take_end() {
  if (std::string missing = content_.missing(); !missing.empty()) return wrong(std::move(missing));
  ended_ = true;
  return true;
}

}  // namespace appd::load

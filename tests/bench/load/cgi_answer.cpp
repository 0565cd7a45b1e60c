#include "bench/load/cgi_answer.hpp"

namespace appd::load {

void CgiAnswer::begin() {
  content_.clear();
  ended_ = false;
}

bool CgiAnswer::take(std::string_view bytes) {
  return content_.take(bytes) || wrong("its head is none");
}

bool CgiAnswer::take_end() {
  if (std::string missing = content_.missing(); !missing.empty()) return wrong(std::move(missing));
  ended_ = true;
  return true;
}

}  // namespace appd::load

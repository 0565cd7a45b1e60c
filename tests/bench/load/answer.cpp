#include "bench/load/answer.hpp"

#include <stdexcept>

#include "bench/load/cgi_answer.hpp"
#include "bench/load/fastcgi_answer.hpp"
#include "bench/load/http_answer.hpp"

namespace appd::load {

std::unique_ptr<Answer> make_answer(Wire wire, bool head_only) {
  switch (wire) {
    case Wire::fastcgi_kept:
    case Wire::fastcgi:
      return std::make_unique<FastcgiAnswer>(head_only);
    case Wire::uwsgi:
    case Wire::scgi:
      return std::make_unique<CgiAnswer>(head_only);
    case Wire::http:
    case Wire::http_closed:
      return std::make_unique<HttpAnswer>(head_only);
  }
  throw std::logic_error("a wire without answers");
}

}  // namespace appd::load

// Makes the checker for a wire's responses.

#include "bench/load/response.hpp"

#include <stdexcept>

#include "bench/load/cgi_response.hpp"
#include "bench/load/fastcgi_response.hpp"
#include "bench/load/http_response.hpp"

namespace appd::load {

std::unique_ptr<Response> make_response(Wire wire, bool head_only) {
  switch (wire) {
    case Wire::fastcgi_kept:
    case Wire::fastcgi:
      return std::make_unique<FastcgiResponse>(head_only);
    case Wire::uwsgi:
    case Wire::scgi:
      return std::make_unique<CgiResponse>(head_only);
    case Wire::http:
    case Wire::http_closed:
      return std::make_unique<HttpResponse>(head_only);
  }
  throw std::logic_error("a wire without responses");
}

}  // namespace appd::load

// A response over uwsgi or SCGI, as the load generator checks it.
#pragma once

#include "bench/load/cgi_content.hpp"
#include "bench/load/response.hpp"

namespace appd::load {

/// A response over uwsgi or SCGI: a CGI head and a body that ends with the connection.
class CgiResponse : public Response {
 public:
  explicit CgiResponse(bool head_only) : content_(head_only) {}

  void begin() override;
  bool take(std::string_view bytes) override;
  bool take_end() override;

  bool ended() const override { return ended_; }
  bool connection_stays() const override { return false; }
  unsigned status() const override { return content_.status(); }
  std::uint64_t length() const override { return content_.length(); }

 private:
  CgiContent content_;
  bool ended_ = false;
};

}  // namespace appd::load

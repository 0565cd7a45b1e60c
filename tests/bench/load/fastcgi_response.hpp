// A response over FastCGI, as the load generator checks it.
#pragma once

#include <array>
#include <cstddef>

#include "bench/load/cgi_content.hpp"
#include "bench/load/response.hpp"

namespace appd::load {

/// A response to FastCGI's request 1: STDOUT records with a CGI head and a body, any STDERR, and an
/// END_REQUEST that reports success. Nothing may follow it.
class FastcgiResponse : public Response {
 public:
  explicit FastcgiResponse(bool head_only) : content_(head_only) {}

  void begin() override;
  bool take(std::string_view bytes) override;
  bool take_end() override;

  bool ended() const override { return ended_; }
  unsigned status() const override { return content_.status(); }
  std::uint64_t length() const override { return content_.length(); }

 private:
  // Each takes what it can from the front of `bytes`.
  bool take_header(std::string_view& bytes);
  bool take_content(std::string_view& bytes);
  void take_padding(std::string_view& bytes);

  bool check_header();
  bool on_content(std::string_view part);
  bool on_record_end();
  bool on_end_request();
  unsigned type() const { return header_[1]; }

  CgiContent content_;
  std::array<unsigned char, 8> header_{};
  std::size_t header_size_ = 0;  // of it, so far
  std::size_t content_left_ = 0;
  std::size_t padding_left_ = 0;
  std::array<unsigned char, 8> end_body_{};  // of END_REQUEST
  std::size_t end_body_size_ = 0;
  bool output_ended_ = false;
  bool ended_ = false;
};

}  // namespace appd::load

// A response over HTTP, as the load generator checks it.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "bench/load/response.hpp"

namespace appd::load {

/// Beast's parser, which here keeps the status and counts the body.
class CountingParser : public boost::beast::http::basic_parser<false> {
 public:
  unsigned status() const { return status_; }
  std::uint64_t length() const { return length_; }

 private:
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb, string_view, string_view, int,
                       error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override {
    status_ = static_cast<unsigned>(code);
  }
  void on_field_impl(boost::beast::http::field, string_view, string_view, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override { return count(body); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    return count(body);
  }
  void on_finish_impl(error_code&) override {}

  std::size_t count(string_view body) {
    length_ += body.size();
    return body.size();
  }

  unsigned status_ = 0;
  std::uint64_t length_ = 0;
};

/// A response over HTTP/1.x, whose body has a Content-Length, comes in chunks, or ends with the
/// connection.
class HttpResponse : public Response {
 public:
  explicit HttpResponse(bool head_only) : head_only_(head_only) { HttpResponse::begin(); }

  void begin() override;
  bool take(std::string_view bytes) override;
  bool take_end() override;

  bool ended() const override { return parser_->is_done(); }
  bool connection_stays() const override { return parser_->keep_alive(); }
  unsigned status() const override { return parser_->status(); }
  std::uint64_t length() const override { return parser_->length(); }

 private:
  bool parse(std::string_view& bytes);

  bool head_only_;
  std::optional<CountingParser> parser_;  // one per response
  std::string unparsed_;                  // the beginning of what the parser needs whole
};

}  // namespace appd::load

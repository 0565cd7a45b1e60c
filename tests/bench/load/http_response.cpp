// Checks HTTP responses with Beast's parser.

#include "bench/load/http_response.hpp"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <cstdint>
#include <limits>

namespace appd::load {

namespace http = boost::beast::http;

void HttpResponse::begin() {
  parser_.emplace();
  parser_->eager(true);
  // Beast of Boost 1.74 takes boost::none for a limit of 0 bytes.
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
  parser_->skip(head_only_);
  unparsed_.clear();
}

bool HttpResponse::take(std::string_view bytes) {
  if (unparsed_.empty()) {
    if (!parse(bytes)) return false;
    unparsed_ = bytes;
    return true;
  }
  unparsed_ += bytes;
  std::string_view all = unparsed_;
  if (!parse(all)) return false;
  unparsed_.erase(0, unparsed_.size() - all.size());
  return true;
}

bool HttpResponse::take_end() {
  if (parser_->is_done()) return true;
  boost::beast::error_code error;
  if (parser_->got_some()) parser_->put_eof(error);
  if (error || !parser_->is_done()) return wrong("the connection was closed before its end");
  return true;
}

/// Takes what the parser has used off the front of `bytes`.
bool HttpResponse::parse(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (parser_->is_done()) return wrong("bytes follow its end");
    boost::beast::error_code error;
    bytes.remove_prefix(parser_->put(boost::asio::buffer(bytes), error));
    if (error == http::error::need_more) return true;
    if (error) return wrong("not HTTP: " + error.message());
  }
  return true;
}

}  // namespace appd::load

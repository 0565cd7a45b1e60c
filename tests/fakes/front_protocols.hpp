// Requests as fronts send them and responses as fronts read them, over each wire.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/wire_bytes.hpp"

namespace appd::test {

namespace wire = protocol::testing;

/// How a front speaks to the server.
enum class Speech { fastcgi_kept, fastcgi_closed, uwsgi, scgi };

inline constexpr std::array kSpeeches{Speech::fastcgi_kept, Speech::fastcgi_closed, Speech::uwsgi,
                                      Speech::scgi};

inline const char* name(Speech speech) {
  constexpr std::array names{"FastCGI kept", "FastCGI closed", "uwsgi", "SCGI"};
  return names[static_cast<std::size_t>(speech)];
}
inline bool is_fastcgi(Speech speech) {
  return speech == Speech::fastcgi_kept || speech == Speech::fastcgi_closed;
}

struct Asked {
  std::string path = "/";
  std::string method = "GET";
  std::string body = {};
  /// CONTENT_LENGTH; std::nullopt means the body's true length.
  std::optional<std::string> length = {};
  std::string software = "test";
  unsigned id = 1;
};

/// A POST request with this body.
inline Asked post(std::string path, std::string body = {}, unsigned id = 1) {
  Asked asked;
  asked.path = std::move(path);
  asked.method = "POST";
  asked.body = std::move(body);
  asked.id = id;
  return asked;
}

/// FastCGI's BEGIN_REQUEST and PARAMS.
inline std::string fastcgi_head(const Asked& asked, unsigned flags, const std::string& length) {
  return wire::begin(asked.id, flags) +
         wire::params(asked.id, wire::fastcgi_pairs({{"REQUEST_METHOD", asked.method},
                                                     {"REQUEST_URI", asked.path},
                                                     {"SCRIPT_NAME", ""},
                                                     {"PATH_INFO", asked.path},
                                                     {"SERVER_NAME", "localhost"},
                                                     {"SERVER_PORT", "80"},
                                                     {"SERVER_PROTOCOL", "HTTP/1.1"},
                                                     {"SERVER_SOFTWARE", asked.software},
                                                     {"CONTENT_LENGTH", length}})) +
         wire::params(asked.id, "");
}

inline std::string fastcgi_stdin(unsigned id, std::string_view body) {
  std::string records;
  constexpr std::size_t kRecord = 32768;
  for (std::size_t at = 0; at < body.size(); at += kRecord) {
    records += wire::stdin_of(id, body.substr(at, kRecord));
  }
  return records;
}

/// The whole request as a front sends it.
inline std::string request(Speech speech, const Asked& asked) {
  const std::string length = asked.length.value_or(std::to_string(asked.body.size()));
  if (is_fastcgi(speech)) {
    const unsigned flags = speech == Speech::fastcgi_kept ? wire::kKeep : wire::kClose;
    return fastcgi_head(asked, flags, length) + fastcgi_stdin(asked.id, asked.body) +
           wire::stdin_of(asked.id, "");
  }
  if (speech == Speech::uwsgi) {
    return wire::uwsgi_packet(wire::uwsgi_block({{"REQUEST_METHOD", asked.method},
                                                 {"REQUEST_URI", asked.path},
                                                 {"PATH_INFO", asked.path},
                                                 {"SERVER_NAME", "localhost"},
                                                 {"SERVER_PORT", "80"},
                                                 {"SERVER_PROTOCOL", "HTTP/1.1"},
                                                 {"SERVER_SOFTWARE", asked.software},
                                                 {"CONTENT_LENGTH", length}})) +
           asked.body;
  }
  return wire::netstring(wire::scgi_headers({{"CONTENT_LENGTH", length},
                                             {"SCGI", "1"},
                                             {"REQUEST_METHOD", asked.method},
                                             {"REQUEST_URI", asked.path},
                                             {"SCRIPT_NAME", ""},
                                             {"PATH_INFO", asked.path},
                                             {"SERVER_NAME", "localhost"},
                                             {"SERVER_PORT", "80"},
                                             {"SERVER_PROTOCOL", "HTTP/1.1"},
                                             {"SERVER_SOFTWARE", asked.software}})) +
         asked.body;
}

/// One response as its front sees it.
struct FrontResponse {
  std::string stdout_bytes;  ///< head and body
  std::string error_text;    ///< FastCGI STDERR
  bool stdout_ended = false;
  bool errors_ended = false;  ///< the FastCGI STDERR stream; it must end if it was used
  unsigned ends = 0;          ///< number of END_REQUEST records
  bool late_bytes = false;    ///< bytes came after its end

  std::string head() const { return stdout_bytes.substr(0, stdout_bytes.find("\r\n\r\n")); }
  std::string body() const {
    const std::size_t at = stdout_bytes.find("\r\n\r\n");
    return at == std::string::npos ? std::string() : stdout_bytes.substr(at + 4);
  }
  /// "200", whatever form the wire has; "" if there is no head.
  std::string status() const {
    for (const std::string_view start : {"Status: ", "HTTP/1.1 "}) {
      if (stdout_bytes.compare(0, start.size(), start) == 0) {
        return stdout_bytes.substr(start.size(), 3);
      }
    }
    return {};
  }
  bool has(std::string_view text) const { return stdout_bytes.find(text) != std::string::npos; }
};

/// The responses in the output of a FastCGI server, by request id.
struct FastcgiResponses {
  std::map<unsigned, FrontResponse> by_id;
  bool corrupt = false;       ///< a record of another version: nothing after it counts
  std::size_t left_over = 0;  ///< bytes of an incomplete record

  explicit FastcgiResponses(std::string_view bytes) {
    while (bytes.size() >= 8) {
      const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
      if (byte(0) != 1) {
        corrupt = true;
        return;
      }
      const unsigned id = byte(2) * 256u + byte(3);
      const std::size_t length = byte(4) * 256u + byte(5);
      const std::size_t whole = 8 + length + byte(6);
      if (bytes.size() < whole) break;
      add(by_id[id], byte(1), bytes.substr(8, length));
      bytes.remove_prefix(whole);
    }
    left_over = bytes.size();
  }

  std::size_t ended() const {
    std::size_t count = 0;
    for (const auto& [id, response] : by_id) count += response.ends > 0 ? 1 : 0;
    return count;
  }

 private:
  static void add(FrontResponse& response, unsigned type, std::string_view content) {
    if (response.ends > 0 || (response.stdout_ended && type == 6)) response.late_bytes = true;
    if (type == 3) ++response.ends;
    if (type == 7) response.error_text += content;
    if (type == 7) response.errors_ended = content.empty();
    if (type == 6 && content.empty()) response.stdout_ended = true;
    if (type == 6) response.stdout_bytes += content;
  }
};

/// True once `bytes` hold `count` ended FastCGI responses. Cheap to ask repeatedly.
inline auto ended_responses(std::size_t count) {
  return [count, seen = std::size_t{0}, at = std::size_t{0}](const std::string& bytes) mutable {
    while (bytes.size() >= at + 8) {
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
      const std::size_t whole = 8 + byte(4) * 256u + byte(5) + byte(6);
      if (bytes.size() < at + whole) break;
      if (byte(1) == 3) ++seen;
      at += whole;
    }
    return seen >= count;
  };
}

/// The only response in all the bytes that came.
inline FrontResponse response_in(Speech speech, std::string_view bytes, unsigned id = 1) {
  if (is_fastcgi(speech)) return FastcgiResponses(bytes).by_id[id];
  FrontResponse response;
  response.stdout_bytes = bytes;
  return response;
}

}  // namespace appd::test

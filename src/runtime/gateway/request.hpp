// A request as the application may see it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/forwarded.hpp"
#include "runtime/gateway/name_index.hpp"
#include "runtime/gateway/name_layout.hpp"
#include "runtime/gateway/string_pool.hpp"
#include "runtime/gateway/variables.hpp"

namespace appd::gateway {

/// The fronts that need special treatment, recognised by SERVER_SOFTWARE.
enum class Front { nginx, apache, lighttpd, haproxy, caddy, other };

/// The operator's decisions about environ. Many bools because each is an option of its own.
struct EnvironPolicy {
  std::string mount;  ///< "" or "/prefix"; becomes SCRIPT_NAME if the path begins with it
  bool trust_script_name = false;       ///< take the front's SCRIPT_NAME and PATH_INFO as sent
  bool trust_forwarded_proto = false;   ///< HTTP_X_FORWARDED_PROTO may set wsgi.url_scheme
  bool trust_uwsgi_scheme = false;      ///< UWSGI_SCHEME may set wsgi.url_scheme
  bool drop_remote_user = false;        ///< remove REMOTE_USER and AUTH_TYPE
  const ProxyTrust* proxies = nullptr;  ///< whose word counts for a client; null for fronts
};

/// What marks the end of a request's body.
enum class BodyEnd : std::uint8_t {
  on_wire,    ///< the wire itself (FastCGI's empty STDIN): the length may be missing
  by_length,  ///< CONTENT_LENGTH alone (uwsgi, SCGI): if missing, there is no body
};

/// Why a request is not given to the application.
struct Refusal {
  unsigned status;     ///< HTTP status of the response
  std::string reason;  ///< one sentence for log and response; the client may see all of it
};

/// Identifies the names in environ. Equal ids mean the same names in the same order.
struct NamesId {
  std::uint64_t layout = 0;   ///< of the names that were sent; 0 if unknown, and equal to nothing
  std::uint32_t dropped = 0;  ///< one bit for each KnownName of the layout that environ lacks

  bool known() const noexcept { return layout != 0; }
  friend bool operator==(const NamesId&, const NamesId&) = default;
};

/// One request: the front's variables turned into those of WSGI's environ.
///
/// Used by one thread at a time: the loop prepares it, then the pool thread that runs the call
/// reads it. All views are valid until `clear`. Reuse does not allocate.
class Request {
 public:
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  /// Forgets the request. Keeps the memory, except what only a large request needed.
  void clear() noexcept;

  /// The raw variables. The decoder swaps them in before `prepare`.
  VariableBlock& block() noexcept { return block_; }

  std::span<const Variable> sent_variables() const noexcept { return block_.variables; }

  /// Cleans the variables and derives method, path, scheme and length. Nothing is trusted: a
  /// request that cannot be served gets the refusal as its response (always 400). After a refusal,
  /// the descriptive members (method, uri, front) are valid for the log, and environ is incomplete.
  /// Call it once per `clear`. `layouts` remembers earlier requests.
  std::optional<Refusal> prepare(const EnvironPolicy& policy, BodyEnd body_end,
                                 NameLayouts& layouts);

  /// Sets CONTENT_LENGTH to the true length of a spooled body.
  void set_content_length(std::uint64_t length);

  /// The CGI part of environ (PEP 3333). Each name occurs once. SCRIPT_NAME, PATH_INFO,
  /// QUERY_STRING, REQUEST_METHOD, SERVER_NAME, SERVER_PORT and SERVER_PROTOCOL are always there.
  std::span<const Variable> environ() const noexcept { return environ_; }
  /// The names of `environ`.
  const NamesId& names() const noexcept { return names_; }

  /// Names that were sent again with another value; the later value counts. Excludes a Host to
  /// which the port was added.
  std::span<const std::string_view> overridden() const noexcept { return overridden_; }

  std::string_view method() const noexcept { return method_; }
  /// As the client sent it (REQUEST_URI), or else script name, path and query. For logs only.
  std::string_view uri() const noexcept { return uri_; }
  std::string_view url_scheme() const noexcept { return https_ ? "https" : "http"; }
  bool is_head() const noexcept { return method_ == "HEAD"; }
  Front front() const noexcept { return front_; }

  /// std::nullopt if the body ends where the wire says (a chunked upload; BodyEnd::on_wire only).
  /// Then environ has no CONTENT_LENGTH until `set_content_length`.
  std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }

  /// The value of a cleaned variable, or "". A linear search, for logs and rare decisions.
  std::string_view find(std::string_view name) const noexcept;

 private:
  /// What `prepare` must know of variables that never reach environ.
  struct Aside {
    std::uint64_t client_length = 0;  ///< the largest HTTP_CONTENT_LENGTH; for comparison only
    std::string_view front_length;    ///< APPD_CONTENT_LENGTH
    std::string_view transfer_encoding;
    std::string_view uwsgi_scheme;
    std::optional<bool> proxied_https;
  };
  /// One more value for a name that was sent before.
  struct Repeat {
    std::size_t position;  ///< in environ_
    std::size_t order;     ///< on the wire
    std::string_view value;
  };

  std::optional<Refusal> collect(NameLayout& layout, Aside& aside);
  void collect_known(const NameLayout& layout, Aside& aside);
  std::optional<Refusal> collect_new(NameLayout& layout, std::size_t place, Aside& aside);
  void append(const Variable& variable, KnownName known);
  static void put_aside(NameUse use, std::string_view value, Aside& aside) noexcept;
  std::optional<Refusal> repeat(std::size_t first, const Variable& variable);
  void join_repeats();
  void describe();
  std::optional<Refusal> settle_length(BodyEnd body_end, const Aside& aside);
  std::optional<Refusal> mend_length(const Aside& aside);
  void believe_proxies(const ProxyTrust& trust, Aside& aside);
  void settle_scheme(const EnvironPolicy& policy, const Aside& aside);
  void settle_path(const EnvironPolicy& policy);
  void settle_server();
  void settle_remote(const EnvironPolicy& policy);

  // Only while `prepare` runs, before emptied positions are removed.
  Variable* look_up(KnownName name) noexcept;
  std::string_view value_of(KnownName name) noexcept;
  void set(KnownName name, std::string_view value);
  void drop(KnownName name) noexcept;
  void drop_empty(KnownName name) noexcept;

  VariableBlock block_;
  std::vector<Variable> environ_;  // while `prepare` runs, an empty name marks a dropped variable
  NameIndex index_;
  KnownPlaces known_;  // positions in environ_
  NamesId names_;
  std::vector<Repeat> repeats_;
  std::vector<std::string_view> overridden_;
  StringPool made_;  // values that are not in the variables: joined, decoded, computed
  std::string_view method_;
  std::string_view uri_;
  std::optional<std::uint64_t> content_length_;
  Front front_ = Front::other;
  bool https_ = false;
};

}  // namespace appd::gateway

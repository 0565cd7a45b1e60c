#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gateway/name_index.hpp"
#include "runtime/gateway/name_layout.hpp"
#include "runtime/gateway/string_pool.hpp"
#include "runtime/gateway/variables.hpp"

namespace appd::gateway {

/// The front servers that need something of their own (told from SERVER_SOFTWARE).
enum class Front { nginx, apache, lighttpd, haproxy, caddy, other };

/// What the operator decides about the variables that reach the application.
struct EnvironPolicy {
  std::string mount;               ///< "" or "/prefix": becomes SCRIPT_NAME where the path has it
  bool trust_script_name = false;  ///< take the front's SCRIPT_NAME / PATH_INFO as they are
  bool trust_forwarded_proto = false;  ///< HTTP_X_FORWARDED_PROTO may set wsgi.url_scheme
  bool trust_uwsgi_scheme = false;     ///< UWSGI_SCHEME may set wsgi.url_scheme
  bool drop_remote_user = false;       ///< remove REMOTE_USER and AUTH_TYPE
};

/// What says where a request's body ends.
enum class BodyEnd : std::uint8_t {
  on_wire,    ///< the wire itself can (FastCGI's empty STDIN): a length may be missing
  by_length,  ///< CONTENT_LENGTH alone (uwsgi, SCGI): missing means none
};

/// Why a request is not given to the application.
struct Refusal {
  unsigned status;     ///< HTTP status of the response
  std::string reason;  ///< one sentence for log and response; nothing that the client may not see
};

/// Says which names environ has, without naming them: equal ones mean the same names in the same
/// order.
struct NamesId {
  std::uint64_t layout = 0;   ///< of what was sent; 0: not known, and equal to none
  std::uint32_t dropped = 0;  ///< which KnownName of it environ lacks, a bit for each

  bool known() const noexcept { return layout != 0; }
  friend bool operator==(const NamesId&, const NamesId&) = default;
};

/// One request: the front's variables made into what WSGI's environ may hold.
///
/// Used by one thread at a time: the loop prepares it, then the pool thread that runs the call
/// reads it. All views live until `clear`. Warm objects are reused without allocating.
class Request {
 public:
  Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  /// Forgets the request, keeps the memory, but for what only a large one has needed.
  void clear() noexcept;

  /// The raw variables; the decoder swaps them in before `prepare`.
  VariableBlock& block() noexcept { return block_; }

  std::span<const Variable> sent_variables() const noexcept { return block_.variables; }

  /// Cleans the variables and derives method, path, scheme, length. Nothing is trusted: what cannot
  /// be served is answered with the refusal (always 400). The descriptive members (method, uri,
  /// front) are valid after a refusal too, for the log; environ is then as far as it came. Once per
  /// `clear`. `layouts`: what earlier requests were like.
  std::optional<Refusal> prepare(const EnvironPolicy& policy, BodyEnd body_end,
                                 NameLayouts& layouts);

  /// Records the true length of a body that was spooled, as CONTENT_LENGTH.
  void set_content_length(std::uint64_t length);

  /// What environ gets (PEP 3333's CGI part): each name once; SCRIPT_NAME, PATH_INFO, QUERY_STRING,
  /// REQUEST_METHOD, SERVER_NAME, SERVER_PORT, SERVER_PROTOCOL always there.
  std::span<const Variable> environ() const noexcept { return environ_; }
  /// Of `environ`.
  const NamesId& names() const noexcept { return names_; }

  /// Names that were sent again with another value, which counts. (Not a Host to which its port was
  /// added.)
  std::span<const std::string_view> overridden() const noexcept { return overridden_; }

  std::string_view method() const noexcept { return method_; }
  /// As the client sent it (REQUEST_URI), else script name + path + query: for logs only.
  std::string_view uri() const noexcept { return uri_; }
  std::string_view url_scheme() const noexcept { return https_ ? "https" : "http"; }
  bool is_head() const noexcept { return method_ == "HEAD"; }
  Front front() const noexcept { return front_; }

  /// None: the body ends where the wire says (chunked upload; BodyEnd::on_wire only), and environ
  /// has no CONTENT_LENGTH until `set_content_length`.
  std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }

  /// The value of a cleaned variable, or "" (linear: for logs and rare decisions).
  std::string_view find(std::string_view name) const noexcept;

 private:
  /// What prepare must know of variables that never reach environ.
  struct Aside {
    std::uint64_t client_length = 0;  ///< the largest HTTP_CONTENT_LENGTH; for comparison only
    std::string_view front_length;    ///< APPD_CONTENT_LENGTH
    std::string_view transfer_encoding;
    std::string_view uwsgi_scheme;
  };
  /// The value of one more variable of the same name.
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
  void settle_scheme(const EnvironPolicy& policy, const Aside& aside);
  void settle_path(const EnvironPolicy& policy);
  void settle_server();
  void settle_remote(const EnvironPolicy& policy);

  // While `prepare` runs, before the emptied places are taken out.
  Variable* look_up(KnownName name) noexcept;
  std::string_view value_of(KnownName name) noexcept;
  void set(KnownName name, std::string_view value);
  void drop(KnownName name) noexcept;
  void drop_empty(KnownName name) noexcept;

  VariableBlock block_;
  std::vector<Variable> environ_;  // while `prepare` runs: an empty name marks a dropped one
  NameIndex index_;
  KnownPlaces known_;  // in environ_
  NamesId names_;
  std::vector<Repeat> repeats_;
  std::vector<std::string_view> overridden_;
  StringPool made_;  // values that are in no variable: joined, decoded, computed
  std::string_view method_;
  std::string_view uri_;
  std::optional<std::uint64_t> content_length_;
  Front front_ = Front::other;
  bool https_ = false;
};

}  // namespace appd::gateway

// Cleans a request's variables, where variable_name.cpp says which are dropped; derives the rest.

#include "runtime/gateway/request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <limits>
#include <tuple>

#include "runtime/gateway/path_derivation.hpp"
#include "runtime/gateway/variable_name.hpp"
#include "runtime/support/ascii.hpp"

namespace appd::gateway {
namespace {

using support::is_digits;
using support::same_ignoring_case;

bool is_any_of(std::string_view text, std::initializer_list<std::string_view> lower) noexcept {
  return std::any_of(lower.begin(), lower.end(),
                     [&](std::string_view one) { return same_ignoring_case(text, one); });
}

// True for "https", false for "http", else std::nullopt.
std::optional<bool> https_by_scheme(std::string_view scheme) noexcept {
  if (same_ignoring_case(scheme, "https")) return true;
  if (same_ignoring_case(scheme, "http")) return false;
  return std::nullopt;
}

bool is_on(std::string_view https) noexcept {
  return is_any_of(https, {"on", "1", "yes", "true", "https"});
}

/// A number of bytes; std::nullopt if it is no number, or too large for a file offset.
std::optional<std::uint64_t> to_length(std::string_view text) noexcept {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::uint64_t length = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, length);
  if (error != std::errc{} || stop != end || length > kMost) return std::nullopt;
  return length;
}

// "example.test:8080", "[::1]:8080" or "::1", without the port.
std::string_view host_of(std::string_view authority) noexcept {
  const std::size_t bracket = authority.find(']');
  if (bracket != std::string_view::npos) return authority.substr(0, bracket + 1);
  const std::size_t colon = authority.find(':');
  if (colon != authority.rfind(':')) return authority;
  return authority.substr(0, colon);
}

/// "example.test" and "example.test:8080" are the same host; the second form says more.
bool adds_port(std::string_view host, std::string_view other) noexcept {
  return other.starts_with(host) && other.substr(host.size()).starts_with(':') &&
         is_digits(other.substr(host.size() + 1));
}

Front front_of(std::string_view server_software) noexcept {
  if (server_software.starts_with("nginx")) return Front::nginx;
  if (server_software.starts_with("Apache")) return Front::apache;
  if (server_software.starts_with("lighttpd")) return Front::lighttpd;
  if (server_software.starts_with("HAProxy")) return Front::haproxy;
  if (server_software.starts_with("Caddy")) return Front::caddy;
  return Front::other;
}

std::uint32_t bit(KnownName name) noexcept {
  static_assert(kKnownNames <= 32);
  return std::uint32_t{1} << static_cast<unsigned>(name);
}

constexpr const char* kNoMethod =
    "REQUEST_METHOD is missing: the front sends no CGI variables (in nginx, \"include "
    "fastcgi_params;\", \"include uwsgi_params;\" or \"include scgi_params;\" belongs beside the "
    "directive that passes to appd)";

Refusal bad_request(std::string reason) {
  return {400, std::move(reason)};
}

}  // namespace

void Request::clear() noexcept {
  if (block_.is_large()) block_ = {};
  block_.clear();
  if (environ_.capacity() > VariableBlock::kWarmVariables) std::vector<Variable>().swap(environ_);
  environ_.clear();
  index_.give_back_memory();
  if (repeats_.capacity() > VariableBlock::kWarmVariables) std::vector<Repeat>().swap(repeats_);
  repeats_.clear();
  if (overridden_.capacity() > VariableBlock::kWarmVariables) {
    std::vector<std::string_view>().swap(overridden_);
  }
  overridden_.clear();
  made_.clear();
  names_ = {};
  method_ = {};
  uri_ = {};
  content_length_.reset();
  front_ = Front::other;
  https_ = false;
}

std::optional<Refusal> Request::prepare(const EnvironPolicy& policy, BodyEnd body_end,
                                        NameLayouts& layouts) {
  Aside aside;
  std::optional<Refusal> refusal = collect(layouts.layout_for(block_.variables), aside);
  if (!repeats_.empty()) join_repeats();
  describe();
  if (!refusal && !is_token(method_)) {
    refusal = bad_request(method_.empty() ? kNoMethod : "REQUEST_METHOD is not an HTTP method");
  }
  if (!refusal) refusal = settle_length(body_end, aside);
  if (refusal) return refusal;
  if (policy.proxies != nullptr) believe_proxies(*policy.proxies, aside);
  settle_scheme(policy, aside);
  settle_path(policy);
  settle_server();
  settle_remote(policy);
  drop_empty(KnownName::content_type);
  drop_empty(KnownName::http_host);
  if (names_.dropped != 0) {
    std::erase_if(environ_, [](const Variable& variable) { return variable.name.empty(); });
  }
  return std::nullopt;
}

void Request::set_content_length(std::uint64_t length) {
  content_length_ = length;
  const std::string_view text = made_.next().append(fmt::format_int(length).c_str());
  for (Variable& variable : environ_) {
    if (variable.name == "CONTENT_LENGTH") {
      variable.value = text;
      return;
    }
  }
  environ_.push_back({"CONTENT_LENGTH", text});
  names_ = {};
}

std::string_view Request::find(std::string_view name) const noexcept {
  for (const Variable& variable : environ_) {
    if (variable.name == name) return variable.value;
  }
  return {};
}

std::optional<Refusal> Request::collect(NameLayout& layout, Aside& aside) {
  const std::vector<Variable>& sent = block_.variables;
  std::size_t place = 0;
  while (place < sent.size() && layout.has(place, sent[place].name)) ++place;
  const bool is_new = place < sent.size();
  layout.cut(place);
  collect_known(layout, aside);
  if (is_new) return collect_new(layout, place, aside);
  names_.layout = layout.id();
  return std::nullopt;
}

/// Takes the variables whose names the layout has.
void Request::collect_known(const NameLayout& layout, Aside& aside) {
  const std::vector<Variable>& sent = block_.variables;
  const auto end = sent.begin() + static_cast<std::ptrdiff_t>(layout.size());
  known_ = layout.known();
  if (layout.all_pass()) {
    environ_.assign(sent.begin(), end);
    return;
  }
  for (std::size_t i = 0; i < layout.size(); ++i) {
    if (layout[i].use == NameUse::pass) {
      environ_.push_back(sent[i]);
    } else {
      put_aside(layout[i].use, sent[i].value, aside);
    }
  }
}

/// Takes the variables from `place` on, whose names the layout lacks, and adds the names to it.
std::optional<Refusal> Request::collect_new(NameLayout& layout, std::size_t place, Aside& aside) {
  const std::vector<Variable>& sent = block_.variables;
  index_.reset(sent.size());
  for (std::size_t i = 0, noted = 0; i < place; ++i) {
    if (layout[i].use == NameUse::pass) index_.note(layout[i].hash, noted++);
  }
  std::optional<Refusal> refusal;
  bool learns = true;
  for (; place < sent.size(); ++place) {
    const Variable& variable = sent[place];
    const HashedName name(variable.name);
    const NameFacts facts{use_of(variable.name), known_name(name), name.hash};
    if (facts.use != NameUse::pass) {
      put_aside(facts.use, variable.value, aside);
    } else if (const std::size_t first = index_.find_or_note(name, environ_.size(), environ_);
               first == NameIndex::kNone) {
      append(variable, facts.known);
    } else {
      learns = false;
      if (auto why = repeat(first, variable); why && !refusal) refusal = std::move(why);
    }
    learns = learns && layout.add(variable.name, facts);
  }
  if (learns) names_.layout = layout.id();
  return refusal;
}

void Request::append(const Variable& variable, KnownName known) {
  known_.note(known, environ_.size());
  environ_.push_back(variable);
}

void Request::put_aside(NameUse use, std::string_view value, Aside& aside) noexcept {
  switch (use) {
    case NameUse::pass:
    case NameUse::drop:
      break;
    case NameUse::client_length:
      aside.client_length = std::max(aside.client_length, to_length(value).value_or(0));
      break;
    case NameUse::front_length:
      aside.front_length = value;
      break;
    case NameUse::transfer_encoding:
      aside.transfer_encoding = value;
      break;
    case NameUse::uwsgi_scheme:
      aside.uwsgi_scheme = value;
      break;
  }
}

/// Handles a name that environ already has, at `first`.
std::optional<Refusal> Request::repeat(std::size_t first, const Variable& variable) {
  // Host must not be sent twice (RFC 9112 section 3.2). Fronts refuse that, so the second one is
  // the front's own.
  if (is_header(variable.name) && variable.name != "HTTP_HOST") {
    repeats_.push_back({first, repeats_.size(), variable.value});
    return std::nullopt;
  }
  std::string_view& value = environ_[first].value;
  if (value == variable.value) return std::nullopt;
  if (variable.name == "CONTENT_LENGTH" || variable.name == "REQUEST_METHOD") {
    return bad_request(fmt::format("{} was sent twice with different values", variable.name));
  }
  if (!adds_port(value, variable.value)) overridden_.push_back(variable.name);
  value = variable.value;
  return std::nullopt;
}

void Request::join_repeats() {
  std::sort(repeats_.begin(), repeats_.end(), [](const Repeat& a, const Repeat& b) {
    return std::tie(a.position, a.order) < std::tie(b.position, b.order);
  });
  for (auto repeat = repeats_.begin(); repeat != repeats_.end();) {
    const std::size_t position = repeat->position;
    Variable& variable = environ_[position];
    const std::string_view separator = variable.name == "HTTP_COOKIE" ? "; " : ", ";
    std::string& joined = made_.next().append(variable.value);
    for (; repeat != repeats_.end() && repeat->position == position; ++repeat) {
      joined.append(separator).append(repeat->value);
    }
    variable.value = joined;
  }
}

void Request::describe() {
  method_ = value_of(KnownName::request_method);
  front_ = front_of(value_of(KnownName::server_software));
  uri_ = value_of(KnownName::request_uri);
  if (!uri_.empty()) return;
  std::string& uri = made_.next();
  uri.append(value_of(KnownName::script_name)).append(value_of(KnownName::path_info));
  const std::string_view query = value_of(KnownName::query_string);
  if (!query.empty()) uri.append("?").append(query);
  uri_ = uri;
}

std::optional<Refusal> Request::settle_length(BodyEnd body_end, const Aside& aside) {
  const std::string_view text = value_of(KnownName::content_length);
  const bool on_wire = body_end == BodyEnd::on_wire;
  if (text.empty()) {
    drop(KnownName::content_length);
    // A body of unknown length need not be chunked: HTTP/2 has no chunks. So the wire decides,
    // except for GET and HEAD, which are not worth the wait.
    const bool unknown =
        !aside.transfer_encoding.empty() || (method_ != "GET" && method_ != "HEAD");
    if (!on_wire || !unknown) content_length_ = 0;
    return std::nullopt;
  }
  if (on_wire && text == "-1") {  // Caddy 2.6 does not know a chunked upload's length
    drop(KnownName::content_length);
    return std::nullopt;
  }
  content_length_ = to_length(text);
  if (!content_length_) return bad_request("CONTENT_LENGTH is not a number of bytes");
  return on_wire ? std::nullopt : mend_length(aside);
}

// With scgi_request_buffering off, nginx before 1.29.6 counts only the bytes that arrived with the
// head. The client's own header does not help: fronts pass a header "Content_Length" under the same
// name, and trusting it would mean waiting for bytes that never come. So the front's operator has
// to send the length.
std::optional<Refusal> Request::mend_length(const Aside& aside) {
  if (!aside.front_length.empty()) {
    const auto length = to_length(aside.front_length);
    if (!length) return bad_request("APPD_CONTENT_LENGTH is not a number of bytes");
    if (*length > *content_length_) set_content_length(*length);
    return std::nullopt;
  }
  if (!look_up(KnownName::scgi) || aside.client_length <= *content_length_) return std::nullopt;
  return bad_request(fmt::format(
      "the client announces {} bytes of body and the front only {}: nginx before 1.29.6 with "
      "scgi_request_buffering off needs \"scgi_param APPD_CONTENT_LENGTH $content_length;\"",
      aside.client_length, *content_length_));
}

/// Puts the client that proxies tell of in the place of the peer.
void Request::believe_proxies(const ProxyTrust& trust, Aside& aside) {
  if (trust.networks.empty() && !trust.unix_peers) return;
  const ForwardedFields fields{find("HTTP_X_FORWARDED_FOR"), find("HTTP_X_FORWARDED_PROTO"),
                               find("HTTP_X_FORWARDED_HOST"), find("HTTP_FORWARDED")};
  const ForwardedClient client =
      find_client(trust, value_of(KnownName::remote_addr), fields, made_);
  aside.proxied_https = client.https;
  if (client.address) {
    set(KnownName::remote_addr, *client.address);
    if (client.port) {
      set(KnownName::remote_port, made_.next().append(fmt::format_int(*client.port).c_str()));
    } else {
      drop(KnownName::remote_port);  // the peer's, which does not belong to this address
    }
  }
  if (client.host) set(KnownName::http_host, *client.host);
  // There may be names that the layout lacks.
  if (client.port || client.host) names_.layout = 0;
}

void Request::settle_scheme(const EnvironPolicy& policy, const Aside& aside) {
  std::optional<bool> https = aside.proxied_https;
  if (!https && policy.trust_forwarded_proto)
    https = https_by_scheme(value_of(KnownName::http_x_forwarded_proto));
  if (!https && policy.trust_uwsgi_scheme) https = https_by_scheme(aside.uwsgi_scheme);
  if (!https && is_on(value_of(KnownName::https))) https = true;
  if (!https) https = https_by_scheme(value_of(KnownName::request_scheme));
  https_ = https.value_or(false);
}

void Request::settle_path(const EnvironPolicy& policy) {
  const auto sent = [this](KnownName name) -> std::optional<std::string_view> {
    const Variable* variable = look_up(name);
    return variable ? std::optional(variable->value) : std::nullopt;
  };
  const PathVariables variables{sent(KnownName::script_name), sent(KnownName::path_info),
                                value_of(KnownName::document_uri),
                                value_of(KnownName::request_uri)};
  const DerivedPath path = derive_path(variables, policy.mount, policy.trust_script_name, made_);
  set(KnownName::script_name, path.script_name);
  set(KnownName::path_info, path.path_info);
}

void Request::settle_server() {
  std::string_view host = host_of(value_of(KnownName::server_name));
  if (host.empty()) host = host_of(value_of(KnownName::http_host));
  set(KnownName::server_name, host.empty() ? "localhost" : host);
  if (!is_digits(value_of(KnownName::server_port)))
    set(KnownName::server_port, https_ ? "443" : "80");
  // All current fronts speak it, and nothing in the response depends on it.
  if (value_of(KnownName::server_protocol).empty()) set(KnownName::server_protocol, "HTTP/1.1");
  if (!look_up(KnownName::query_string)) set(KnownName::query_string, "");
}

void Request::settle_remote(const EnvironPolicy& policy) {
  // nginx sends this for a client on a Unix socket; applications expect an address or nothing.
  if (value_of(KnownName::remote_addr).starts_with("unix:")) set(KnownName::remote_addr, "");
  if (!policy.drop_remote_user) return;
  drop(KnownName::remote_user);
  drop(KnownName::auth_type);
}

Variable* Request::look_up(KnownName name) noexcept {
  const std::uint32_t place = known_.of(name);
  return place == KnownPlaces::kNowhere ? nullptr : &environ_[place];
}

std::string_view Request::value_of(KnownName name) noexcept {
  const Variable* variable = look_up(name);
  return variable ? variable->value : std::string_view{};
}

void Request::set(KnownName name, std::string_view value) {
  if (Variable* variable = look_up(name)) {
    variable->value = value;
  } else {
    append({text_of(name), value}, name);
  }
}

void Request::drop(KnownName name) noexcept {
  Variable* const variable = look_up(name);
  if (variable == nullptr) return;
  variable->name = {};
  names_.dropped |= bit(name);
}

void Request::drop_empty(KnownName name) noexcept {
  if (const Variable* variable = look_up(name); variable && variable->value.empty()) drop(name);
}

}  // namespace appd::gateway

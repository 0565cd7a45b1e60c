#include "runtime/gateway/request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <tuple>

#include "runtime/gateway/path_derivation.hpp"
#include "runtime/gateway/variable_name.hpp"

namespace appd::gateway {
namespace {

// Names that `prepare` may add to those that were sent.
constexpr std::size_t kAddedNames = 8;

const HashedName kAuthType("AUTH_TYPE");
const HashedName kContentLength("CONTENT_LENGTH");
const HashedName kContentType("CONTENT_TYPE");
const HashedName kDocumentUri("DOCUMENT_URI");
const HashedName kHttps("HTTPS");
const HashedName kHttpHost("HTTP_HOST");
const HashedName kHttpXForwardedProto("HTTP_X_FORWARDED_PROTO");
const HashedName kPathInfo("PATH_INFO");
const HashedName kQueryString("QUERY_STRING");
const HashedName kRemoteAddr("REMOTE_ADDR");
const HashedName kRemoteUser("REMOTE_USER");
const HashedName kRequestMethod("REQUEST_METHOD");
const HashedName kRequestScheme("REQUEST_SCHEME");
const HashedName kRequestUri("REQUEST_URI");
const HashedName kScgi("SCGI");
const HashedName kScriptName("SCRIPT_NAME");
const HashedName kServerName("SERVER_NAME");
const HashedName kServerPort("SERVER_PORT");
const HashedName kServerProtocol("SERVER_PROTOCOL");
const HashedName kServerSoftware("SERVER_SOFTWARE");

bool same_ignoring_case(std::string_view text, std::string_view lower) noexcept {
  const auto equal = [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b;
  };
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), equal);
}

bool is_any_of(std::string_view text, std::initializer_list<std::string_view> lower) noexcept {
  return std::any_of(lower.begin(), lower.end(),
                     [&](std::string_view one) { return same_ignoring_case(text, one); });
}

// "http" or "https", or none.
std::optional<bool> https_by_scheme(std::string_view scheme) noexcept {
  if (same_ignoring_case(scheme, "https")) return true;
  if (same_ignoring_case(scheme, "http")) return false;
  return std::nullopt;
}

bool is_on(std::string_view https) noexcept {
  return is_any_of(https, {"on", "1", "yes", "true", "https"});
}

bool is_digits(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::uint64_t> to_length(std::string_view text) noexcept {
  std::uint64_t length = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, length);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return length;
}

// "example.test:8080", "[::1]:8080", "::1" → without the port.
std::string_view host_of(std::string_view authority) noexcept {
  const std::size_t bracket = authority.find(']');
  if (bracket != std::string_view::npos) return authority.substr(0, bracket + 1);
  const std::size_t colon = authority.find(':');
  if (colon != authority.rfind(':')) return authority;
  return authority.substr(0, colon);
}

Front front_of(std::string_view server_software) noexcept {
  if (server_software.starts_with("nginx")) return Front::nginx;
  if (server_software.starts_with("Apache")) return Front::apache;
  if (server_software.starts_with("lighttpd")) return Front::lighttpd;
  if (server_software.starts_with("HAProxy")) return Front::haproxy;
  if (server_software.starts_with("Caddy")) return Front::caddy;
  return Front::other;
}

Refusal bad_request(std::string reason) {
  return {400, std::move(reason)};
}

}  // namespace

void Request::clear() noexcept {
  block_.clear();
  environ_.clear();
  repeats_.clear();
  made_.clear();
  method_ = {};
  uri_ = {};
  content_length_.reset();
  front_ = Front::other;
  https_ = false;
  length_mended_ = false;
}

std::optional<Refusal> Request::prepare(const EnvironPolicy& policy, BodyEnd body_end) {
  Aside aside;
  std::optional<Refusal> refusal = collect(aside);
  join_repeats();
  describe();
  if (!refusal && !is_token(method_)) {
    refusal = bad_request(method_.empty() ? "REQUEST_METHOD is missing"
                                          : "REQUEST_METHOD is not an HTTP method");
  }
  if (!refusal) refusal = settle_length(body_end, aside);
  if (refusal) return refusal;
  settle_scheme(policy, aside);
  settle_path(policy);
  settle_server();
  settle_remote(policy);
  drop_empty(kContentType);
  drop_empty(kHttpHost);
  std::erase_if(environ_, [](const Variable& variable) { return variable.name.empty(); });
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
}

std::string_view Request::find(std::string_view name) const noexcept {
  for (const Variable& variable : environ_) {
    if (variable.name == name) return variable.value;
  }
  return {};
}

std::optional<Refusal> Request::collect(Aside& aside) {
  std::optional<Refusal> refusal;
  index_.reset(block_.variables.size() + kAddedNames);
  for (const Variable& variable : block_.variables) {
    switch (use_of(variable.name)) {
      case NameUse::pass:
        if (auto why = add(variable); why && !refusal) refusal = std::move(why);
        break;
      case NameUse::drop:
        break;
      case NameUse::content_length:
        aside.content_length = variable.value;
        break;
      case NameUse::transfer_encoding:
        aside.transfer_encoding = variable.value;
        break;
      case NameUse::uwsgi_scheme:
        aside.uwsgi_scheme = variable.value;
        break;
    }
  }
  return refusal;
}

std::optional<Refusal> Request::add(const Variable& variable) {
  const std::size_t place =
      index_.find_or_note(HashedName(variable.name), environ_.size(), environ_);
  if (place == NameIndex::kNone) {
    environ_.push_back(variable);
    return std::nullopt;
  }
  // RFC 9112 section 3.2: several Host fields are an error, not a list.
  if (is_header(variable.name) && variable.name != "HTTP_HOST") {
    repeats_.push_back({place, repeats_.size(), variable.value});
    return std::nullopt;
  }
  if (environ_[place].value == variable.value) return std::nullopt;
  return bad_request(fmt::format("{} was sent twice with different values", variable.name));
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
  method_ = value_of(kRequestMethod);
  front_ = front_of(value_of(kServerSoftware));
  uri_ = value_of(kRequestUri);
  if (!uri_.empty()) return;
  std::string& uri = made_.next();
  uri.append(value_of(kScriptName)).append(value_of(kPathInfo));
  const std::string_view query = value_of(kQueryString);
  if (!query.empty()) uri.append("?").append(query);
  uri_ = uri;
}

std::optional<Refusal> Request::settle_length(BodyEnd body_end, const Aside& aside) {
  const std::string_view text = value_of(kContentLength);
  const bool on_wire = body_end == BodyEnd::on_wire;
  if (text.empty()) {
    drop(kContentLength);
    // A body of unknown length need not be chunked: HTTP/2 has no such thing. So the wire is asked
    // but for GET and HEAD, which are not worth the wait.
    const bool unknown =
        !aside.transfer_encoding.empty() || (method_ != "GET" && method_ != "HEAD");
    if (!on_wire || !unknown) content_length_ = 0;
    return std::nullopt;
  }
  if (on_wire && text == "-1") {  // Caddy 2.6 does not know the length of a chunked upload
    drop(kContentLength);
    return std::nullopt;
  }
  content_length_ = to_length(text);
  if (!content_length_) return bad_request("CONTENT_LENGTH is not a number of bytes");
  if (!on_wire) mend_length(aside);
  return std::nullopt;
}

// nginx before 1.29.6 with scgi_request_buffering off counts only what had arrived with the head.
// lighttpd must not be meant: it passes a client's "Content_Length" as HTTP_CONTENT_LENGTH.
void Request::mend_length(const Aside& aside) {
  const bool may_be_nginx = front_ == Front::nginx || front_ == Front::other;
  if (!may_be_nginx || !look_up(kScgi) || !aside.transfer_encoding.empty()) return;
  const auto announced = to_length(aside.content_length);
  if (!announced || *announced <= *content_length_) return;
  set_content_length(*announced);
  length_mended_ = true;
}

void Request::settle_scheme(const EnvironPolicy& policy, const Aside& aside) {
  std::optional<bool> https;
  if (policy.trust_forwarded_proto) https = https_by_scheme(value_of(kHttpXForwardedProto));
  if (!https && policy.trust_uwsgi_scheme) https = https_by_scheme(aside.uwsgi_scheme);
  if (!https && is_on(value_of(kHttps))) https = true;
  if (!https) https = https_by_scheme(value_of(kRequestScheme));
  https_ = https.value_or(false);
}

void Request::settle_path(const EnvironPolicy& policy) {
  const auto sent = [this](const HashedName& name) -> std::optional<std::string_view> {
    const Variable* variable = look_up(name);
    return variable ? std::optional(variable->value) : std::nullopt;
  };
  const PathVariables variables{sent(kScriptName), sent(kPathInfo), value_of(kDocumentUri),
                                value_of(kRequestUri)};
  const DerivedPath path = derive_path(variables, policy.mount, policy.trust_script_name, made_);
  set(kScriptName, path.script_name);
  set(kPathInfo, path.path_info);
}

void Request::settle_server() {
  std::string_view host = host_of(value_of(kServerName));
  if (host.empty()) host = host_of(value_of(kHttpHost));
  set(kServerName, host.empty() ? "localhost" : host);
  if (!is_digits(value_of(kServerPort))) set(kServerPort, https_ ? "443" : "80");
  // What every front of today speaks; nothing in the answer depends on it.
  if (value_of(kServerProtocol).empty()) set(kServerProtocol, "HTTP/1.1");
  if (!look_up(kQueryString)) set(kQueryString, "");
}

void Request::settle_remote(const EnvironPolicy& policy) {
  // nginx's word for a client on a Unix socket; applications expect an address or nothing.
  if (value_of(kRemoteAddr).starts_with("unix:")) set(kRemoteAddr, "");
  if (!policy.drop_remote_user) return;
  drop(kRemoteUser);
  drop(kAuthType);
}

Variable* Request::look_up(const HashedName& name) noexcept {
  const std::size_t place = index_.find(name, environ_);
  return place == NameIndex::kNone ? nullptr : &environ_[place];
}

std::string_view Request::value_of(const HashedName& name) noexcept {
  const Variable* variable = look_up(name);
  return variable ? variable->value : std::string_view{};
}

void Request::set(const HashedName& name, std::string_view value) {
  const std::size_t place = index_.find_or_note(name, environ_.size(), environ_);
  if (place == NameIndex::kNone) {
    environ_.push_back({name.text, value});
  } else {
    environ_[place].value = value;
  }
}

void Request::drop(const HashedName& name) noexcept {
  if (Variable* variable = look_up(name)) variable->name = {};
}

void Request::drop_empty(const HashedName& name) noexcept {
  if (Variable* variable = look_up(name); variable && variable->value.empty()) variable->name = {};
}

}  // namespace appd::gateway

// The only file that includes Beast, which is slow to compile.
//
// A head is searched for and checked line by line here before Beast sees it, for what Beast would
// accept or quietly repair: folded lines, and line ends that are not CR LF. Beast then splits it
// and decodes the chunks of the body. Which lengths a message may carry is decided here again.
#include "core/net/http_parser.h"

#include <algorithm>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <utility>

#include "core/net/http_text.h"

namespace deskwire::net {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t kMaxHeaders = 128;
// The longest chunk-size line with extensions, or trailer section, that is waited for.
constexpr std::size_t kMaxChunkLineBytes = 4096;
// What is left of a chunked body is never shorter than its last line: "0", CR LF, CR LF.
constexpr std::size_t kMinChunkBytes = 5;
constexpr std::uint64_t kMaxReservedBytes = 65536;

constexpr Refusal kMalformed{400, "bad_request", "malformed request"};
constexpr Refusal kBadFraming{400, "bad_framing", "ambiguous or malformed message length"};
constexpr Refusal kHeadTooLarge{431, "head_too_large", "request head too large"};
constexpr Refusal kBodyTooLarge{413, "body_too_large", "request body too large"};
constexpr Refusal kBadExpectation{417, "bad_expectation", "unknown expectation"};

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

class HttpParser::Message final : public http::basic_parser<true> {
 public:
  explicit Message(std::size_t head_bytes) {
    // The head was measured before it came here; the slack keeps Beast from counting otherwise.
    header_limit(static_cast<std::uint32_t>(head_bytes + kMaxChunkLineBytes));
    body_limit(boost::none);
  }

  HttpRequest request;
  Head head;
  std::optional<Refusal> refusal;

 private:
  void on_request_impl(http::verb /*method*/, beast::string_view method, beast::string_view target,
                       int version, beast::error_code& /*error*/) override {
    request.method = view(method);
    head.http_1_0 = version == 10;
    request.target = view(target);
    request.headers.reserve(16);
  }

  void on_response_impl(int /*status*/, beast::string_view /*reason*/, int /*version*/,
                        beast::error_code& /*error*/) override {}

  void on_field_impl(http::field field, beast::string_view name, beast::string_view value,
                     beast::error_code& error) override {
    if (head_done_) {
      // A trailer must not add to what was checked or signed; nothing here needs one.
      trailer_bytes_ += name.size() + value.size();
      if (trailer_bytes_ > kMaxChunkLineBytes) refuse(kBadFraming, error);
      return;
    }
    if (request.headers.size() >= kMaxHeaders) {
      refuse(kHeadTooLarge, error);
      return;
    }
    request.headers.emplace_back(view(name), view(value));
    note(field, view(value));
  }

  void note(http::field field, std::string_view value) {
    switch (field) {
      case http::field::content_length:
        ++lengths_;
        digits_only_ = !value.empty() && std::all_of(value.begin(), value.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
        break;
      case http::field::transfer_encoding:
        ++encodings_;
        only_chunked_ = equal_ignoring_case(value, "chunked");
        break;
      case http::field::host:
        ++head.hosts;
        break;
      case http::field::expect:
        if (equal_ignoring_case(value, "100-continue"))
          head.expects_continue = true;
        else
          unknown_expectation_ = true;
        break;
      case http::field::upgrade:
        head.websocket = head.websocket || has_token(value, "websocket");
        break;
      default:
        break;
    }
  }

  void on_header_impl(beast::error_code& error) override {
    head_done_ = true;
    const bool ambiguous = lengths_ > 1 || encodings_ > 1 || (lengths_ > 0 && encodings_ > 0) ||
                           (lengths_ > 0 && !digits_only_) || (encodings_ > 0 && !only_chunked_) ||
                           (encodings_ > 0 && head.http_1_0);
    if (ambiguous) {
      refuse(kBadFraming, error);
      return;
    }
    if (unknown_expectation_) {
      refuse(kBadExpectation, error);
      return;
    }
    head.keep_alive = keep_alive();
    head.has_body = chunked() || content_length().value_or(0) > 0;
    // Only HTTP/1.1 has the interim answer (RFC 9110 §10.1.1).
    if (head.http_1_0) head.expects_continue = false;
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                         beast::error_code& /*error*/) override {
    // What the sender announces costs it nothing, so memory follows what it really sends.
    if (length) request.body.reserve(std::min<std::uint64_t>(*length, kMaxReservedBytes));
  }

  std::size_t on_body_impl(beast::string_view body, beast::error_code& /*error*/) override {
    request.body.append(body.data(), body.size());
    return body.size();
  }

  void on_chunk_header_impl(std::uint64_t /*size*/, beast::string_view extensions,
                            beast::error_code& error) override {
    if (extensions.size() > kMaxChunkLineBytes) refuse(kBadFraming, error);
  }

  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, beast::string_view body,
                                 beast::error_code& /*error*/) override {
    request.body.append(body.data(), body.size());
    return body.size();
  }

  void on_finish_impl(beast::error_code& /*error*/) override {}

  void refuse(const Refusal& why, beast::error_code& error) {
    refusal = why;
    error = http::error::bad_field;
  }

  bool head_done_ = false;
  std::size_t trailer_bytes_ = 0;
  int lengths_ = 0;
  int encodings_ = 0;
  bool digits_only_ = false;
  bool only_chunked_ = false;
  bool unknown_expectation_ = false;
};

struct HttpParser::State {
  explicit State(Limits limits_) : limits(limits_) {}

  Progress refuse(const Refusal& why) {
    refusal = why;
    return Progress::kRefused;
  }

  Progress refuse(const beast::error_code& error) {
    if (message->refusal) return refuse(*message->refusal);
    if (error == http::error::body_limit) return refuse(kBodyTooLarge);
    if (error == http::error::header_limit) return refuse(kHeadTooLarge);
    if (error == http::error::bad_content_length || error == http::error::multiple_content_length ||
        error == http::error::bad_transfer_encoding || error == http::error::bad_chunk ||
        error == http::error::bad_chunk_extension)
      return refuse(kBadFraming);
    return refuse(kMalformed);
  }

  // A proxy sends "GET http://name/path": the name has to pass as Host does, the handler sees the
  // path alone (RFC 9112 §3.2.2).
  void split_absolute_target() {
    std::string& target = message->request.target;
    constexpr std::string_view kScheme = "http://";
    if (target.size() <= kScheme.size() ||
        !equal_ignoring_case(std::string_view(target).substr(0, kScheme.size()), kScheme))
      return;
    const std::size_t end = target.find_first_of("/?", kScheme.size());
    authority = target.substr(kScheme.size(), end - kScheme.size());
    target = end == std::string::npos ? "/" : target.substr(end);
    if (target.front() == '?') target.insert(0, "/");
    message->head.authority = authority;
  }

  Limits limits;
  std::optional<Message> message;
  Refusal refusal;
  std::string authority;
  std::size_t scanned = 0;     // Bytes of the unread head whose line ends were checked.
  std::size_t line_begin = 0;  // Where the line at `scanned` begins.
};

HttpParser::HttpParser(Limits limits) : state_(std::make_unique<State>(limits)) { reset(); }
HttpParser::~HttpParser() = default;

void HttpParser::reset() {
  State& state = *state_;
  state.message.emplace(state.limits.head_bytes);
  state.authority.clear();
  state.scanned = state.line_begin = 0;
}

HttpParser::Progress HttpParser::take_head(std::string_view unread, std::size_t& consumed) {
  State& state = *state_;
  consumed = 0;
  // Empty lines between requests are skipped (RFC 9112 §2.2).
  for (; state.scanned == 0 && unread.starts_with("\r\n"); consumed += 2) unread.remove_prefix(2);
  if (unread.empty() || unread == "\r") return Progress::kNeedMore;
  // A handshake of TLS, or another protocol, is told at once instead of after the deadline.
  if (static_cast<unsigned char>(unread.front()) <= 0x20) return state.refuse(kMalformed);

  std::size_t head_end = 0;
  while (head_end == 0) {
    const std::size_t newline = unread.find('\n', state.scanned);
    if (newline == std::string_view::npos) break;
    if (newline == state.line_begin || unread[newline - 1] != '\r') return state.refuse(kMalformed);
    const char first = unread[state.line_begin];
    if (first == ' ' || first == '\t') return state.refuse(kMalformed);
    state.scanned = newline + 1;
    if (newline - state.line_begin == 1) head_end = newline + 1;
    state.line_begin = newline + 1;
  }
  const std::size_t size = head_end == 0 ? unread.size() : head_end;
  if (size > state.limits.head_bytes) return state.refuse(kHeadTooLarge);
  if (head_end == 0) {
    state.scanned = unread.size();
    return Progress::kNeedMore;
  }

  beast::error_code error;
  Message& message = *state.message;
  message.put(boost::asio::buffer(unread.data(), head_end), error);
  if (error) return state.refuse(error);
  if (!message.is_header_done()) return state.refuse(kMalformed);
  consumed += head_end;
  message.head.host = message.request.header("Host");
  message.head.body_too_large = message.content_length().value_or(0) > state.limits.body_bytes;
  state.split_absolute_target();
  // From here on Beast takes all it is given, and counts the chunks.
  message.eager(true);
  message.body_limit(state.limits.body_bytes);
  return Progress::kDone;
}

HttpParser::Progress HttpParser::take_body(std::string_view unread, std::size_t& consumed) {
  State& state = *state_;
  Message& message = *state.message;
  consumed = 0;
  if (message.is_done()) return Progress::kDone;
  // Beast asserts that a last chunk is not shown to it in smaller pieces than this.
  const std::size_t least = message.chunked() ? kMinChunkBytes : 1;
  if (unread.size() < least) return Progress::kNeedMore;
  beast::error_code error;
  consumed = message.put(boost::asio::buffer(unread.data(), unread.size()), error);
  if (message.is_done()) return Progress::kDone;
  if (error && error != http::error::need_more) return state.refuse(error);
  if (unread.size() - consumed > kMaxChunkLineBytes) return state.refuse(kBadFraming);
  return Progress::kNeedMore;
}

const HttpParser::Head& HttpParser::head() const { return state_->message->head; }
const Refusal& HttpParser::refusal() const { return state_->refusal; }
HttpRequest& HttpParser::request() { return state_->message->request; }

}  // namespace deskwire::net

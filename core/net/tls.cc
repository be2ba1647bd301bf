#include "core/net/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mutex.h"

namespace deskwire::net {

namespace {

/// A record's longest text; also what is read at a time.
constexpr std::size_t kRecordBytes = 16384;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using ContextPtr = std::shared_ptr<SSL_CTX>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;

/// Why OpenSSL refused last, and a clean slate for what follows on this thread.
std::string last_reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason == nullptr ? "unknown reason" : reason;
  ERR_clear_error();
  return text;
}

/// Browsers that know HTTP/2 offer it first; only 1.1 is spoken here.
int choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* offered, unsigned int length, void* /*unused*/) {
  static constexpr std::array<unsigned char, 9> kOurs = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kOurs.data(), kOurs.size(), offered, length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<ContextPtr> load_context(const std::string& cert_file, const std::string& key_file) {
  ERR_clear_error();
  ContextPtr context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return fail(ErrorCode::kInternal, "tls: " + last_reason());
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
  // A key behind a passphrase is an error, not a question on a terminal.
  SSL_CTX_set_default_passwd_cb(raw, [](char*, int, int, void*) { return -1; });
  if (SSL_CTX_use_certificate_chain_file(raw, cert_file.c_str()) != 1) {
    return fail(ErrorCode::kInvalid, "tls certificate " + cert_file + ": " + last_reason() +
                                         "; expected a PEM file with the whole chain");
  }
  if (SSL_CTX_use_PrivateKey_file(raw, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(ErrorCode::kInvalid, "tls key " + key_file + ": " + last_reason() +
                                         "; expected the certificate's key as a PEM file without "
                                         "a passphrase");
  }
  if (SSL_CTX_check_private_key(raw) != 1) {
    return fail(ErrorCode::kInvalid, "tls key " + key_file + ": " + last_reason());
  }
  return context;
}

// The part that callbacks in flight keep alive after the stream is gone. OpenSSL works on two
// memory BIOs: what arrives is put into one, what is to be sent is taken from the other, so it
// never touches the socket and never blocks.
class TlsConnection : public std::enable_shared_from_this<TlsConnection> {
 public:
  TlsConnection(std::unique_ptr<Stream> inner, SSL_CTX* context)
      : inner_(std::move(inner)), ssl_(SSL_new(context)) {
    received_ = BIO_new(BIO_s_mem());
    to_send_ = BIO_new(BIO_s_mem());
    // An empty BIO means "later", not the end.
    BIO_set_mem_eof_return(received_, -1);
    BIO_set_mem_eof_return(to_send_, -1);
    SSL_set_bio(ssl_.get(), received_, to_send_);
    SSL_set_accept_state(ssl_.get());
  }

  void limit_handshake(Milliseconds time) {
    timer_ = inner_->loop().after(time, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && SSL_is_init_finished(self->ssl_.get()) != 1) self->close();
    });
  }

  Loop& loop() { return inner_->loop(); }
  std::string peer_address() const { return inner_->peer_address(); }

  void read_some(std::span<char> buffer, Stream::ReadCallback done) {
    target_ = buffer;
    read_done_ = std::move(done);
    if (std::optional<Result<std::size_t>> result = try_read()) {
      loop().post([self = shared_from_this(), result = std::move(*result)] {
        std::exchange(self->read_done_, nullptr)(result);
      });
    } else {
      receive();
    }
  }

  void wait_readable(std::function<void(Status)> done) {
    wait_done_ = std::move(done);
    if (has_news()) {
      loop().post([self = shared_from_this()] { std::exchange(self->wait_done_, nullptr)({}); });
    } else {
      wait();
    }
  }

  void write(std::span<const std::string_view> pieces, Stream::WriteCallback done) {
    write_done_ = std::move(done);
    std::string text;
    bool sealed = true;
    for (const std::string_view piece : pieces) {
      text += piece;
      if (text.size() >= kRecordBytes) sealed = sealed && seal(std::exchange(text, {}));
    }
    sealed = sealed && seal(text);
    if (!sealed) broken_ = true;
    flush();
  }

  void shutdown_write() {
    ERR_clear_error();
    if (SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
    fin_wanted_ = true;
    flush();
  }

  void close() {
    timer_.reset();
    inner_->close();
  }

 private:
  bool seal(std::string_view text) {
    if (text.empty()) return true;
    ERR_clear_error();
    std::size_t written = 0;
    return SSL_write_ex(ssl_.get(), text.data(), text.size(), &written) == 1;
  }

  /// nullopt: more has to arrive first.
  std::optional<Result<std::size_t>> try_read() {
    ERR_clear_error();
    std::size_t count = 0;
    const int done = SSL_read_ex(ssl_.get(), target_.data(), target_.size(), &count);
    const int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), done);
    if (timer_ && SSL_is_init_finished(ssl_.get()) == 1) timer_.reset();
    flush();  // Parts of a handshake, alerts.
    if (error == SSL_ERROR_NONE) return count;
    if (error == SSL_ERROR_WANT_READ) return std::nullopt;
    if (error == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
    return fail(ErrorCode::kUnavailable, "read tls stream: " + last_reason());
  }

  /// Whether a read would find something, be it an error.
  bool has_news() {
    ERR_clear_error();
    char byte = 0;
    std::size_t count = 0;
    const int done = SSL_peek_ex(ssl_.get(), &byte, 1, &count);
    const int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), done);
    flush();
    return finished_ || error != SSL_ERROR_WANT_READ;
  }

  void take_in(std::string_view bytes) {
    BIO_write(received_, bytes.data(), static_cast<int>(bytes.size()));
  }

  /// Reads on for read_some.
  void receive() {
    auto room = std::make_shared<std::vector<char>>(kRecordBytes);
    inner_->read_some(*room, [self = shared_from_this(), room](const Result<std::size_t>& count) {
      if (!count || *count == 0) return std::exchange(self->read_done_, nullptr)(count);
      self->take_in({room->data(), *count});
      if (auto result = self->try_read()) {
        std::exchange(self->read_done_, nullptr)(std::move(*result));
      } else {
        self->receive();
      }
    });
  }

  /// The same for wait_readable, without a buffer while nothing comes.
  void wait() {
    inner_->wait_readable([self = shared_from_this()](const Status& ready) {
      if (!ready) return std::exchange(self->wait_done_, nullptr)(ready);
      auto room = std::make_shared<std::vector<char>>(kRecordBytes);
      self->inner_->read_some(*room, [self, room](const Result<std::size_t>& count) {
        if (!count) return std::exchange(self->wait_done_, nullptr)(fail(count.error()));
        self->finished_ = *count == 0;
        self->take_in({room->data(), *count});
        if (self->has_news()) {
          std::exchange(self->wait_done_, nullptr)({});
        } else {
          self->wait();
        }
      });
    });
  }

  /// Sends what OpenSSL wants sent; one write at a time.
  void flush() {
    if (writing_) return;
    const std::size_t waiting = BIO_ctrl_pending(to_send_);
    sending_.resize(waiting);
    if (waiting > 0) BIO_read(to_send_, sending_.data(), static_cast<int>(waiting));
    if (sending_.empty()) return nothing_to_send();
    writing_ = true;
    const std::array<std::string_view, 1> pieces = {sending_};
    inner_->write(pieces, [self = shared_from_this()](const Status& written) {
      self->writing_ = false;
      self->sending_ = std::string();
      if (!written) self->broken_ = true;
      self->flush();
    });
  }

  void nothing_to_send() {
    if (write_done_) {
      const Status status =
          broken_ ? Status(fail(ErrorCode::kUnavailable, "write tls stream: not possible any more"))
                  : Status();
      // Posted: flush() may have been called from within write().
      loop().post([done = std::exchange(write_done_, nullptr), status] { done(status); });
    }
    if (fin_wanted_ && !std::exchange(fin_sent_, true)) inner_->shutdown_write();
  }

  std::unique_ptr<Stream> inner_;
  SslPtr ssl_;
  BIO* received_ = nullptr;  ///< Both are ssl_'s.
  BIO* to_send_ = nullptr;
  std::shared_ptr<void> timer_;
  std::span<char> target_;
  Stream::ReadCallback read_done_;
  std::function<void(Status)> wait_done_;
  Stream::WriteCallback write_done_;
  std::string sending_;
  bool writing_ = false;
  bool broken_ = false;
  bool finished_ = false;  ///< The peer has closed the stream below.
  bool fin_wanted_ = false;
  bool fin_sent_ = false;
};

class TlsStream final : public Stream {
 public:
  explicit TlsStream(std::shared_ptr<TlsConnection> connection)
      : connection_(std::move(connection)) {}
  ~TlsStream() override { connection_->close(); }
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  Loop& loop() override { return connection_->loop(); }
  void read_some(std::span<char> buffer, ReadCallback done) override {
    connection_->read_some(buffer, std::move(done));
  }
  void wait_readable(std::function<void(Status)> done) override {
    connection_->wait_readable(std::move(done));
  }
  void write(std::span<const std::string_view> pieces, WriteCallback done) override {
    connection_->write(pieces, std::move(done));
  }
  void shutdown_write() override { connection_->shutdown_write(); }
  void close() override { connection_->close(); }
  std::string peer_address() const override { return connection_->peer_address(); }

 private:
  std::shared_ptr<TlsConnection> connection_;
};

}  // namespace

class TlsContext::Impl {
 public:
  Impl(ContextPtr context, Milliseconds handshake)
      : handshake_(handshake), context_(std::move(context)) {}

  Milliseconds handshake() const { return handshake_; }
  ContextPtr context() {
    const MutexLock lock(mutex_);
    return context_;
  }
  void replace(ContextPtr context) {
    const MutexLock lock(mutex_);
    context_ = std::move(context);
  }

 private:
  const Milliseconds handshake_;
  Mutex mutex_;
  ContextPtr context_ DW_GUARDED_BY(mutex_);
};

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::load(const std::string& cert_file,
                                                     const std::string& key_file,
                                                     Milliseconds handshake) {
  auto context = load_context(cert_file, key_file);
  if (!context) return fail(std::move(context.error()));
  return std::shared_ptr<TlsContext>(
      new TlsContext(std::make_unique<Impl>(std::move(*context), handshake)));
}

Status TlsContext::reload(const std::string& cert_file, const std::string& key_file) {
  auto context = load_context(cert_file, key_file);
  if (!context) return fail(std::move(context.error()));
  impl_->replace(std::move(*context));
  return {};
}

Milliseconds TlsContext::handshake_timeout() const { return impl_->handshake(); }

std::unique_ptr<Stream> TlsContext::wrap(std::unique_ptr<Stream> stream) {
  auto connection = std::make_shared<TlsConnection>(std::move(stream), impl_->context().get());
  connection->limit_handshake(impl_->handshake());
  return std::make_unique<TlsStream>(std::move(connection));
}

}  // namespace deskwire::net

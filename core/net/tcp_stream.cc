#include "core/net/tcp_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <span>
#include <string_view>
#include <vector>

namespace deskwire::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

Error to_error(const char* operation, const error_code& error) {
  const ErrorCode code =
      error == asio::error::operation_aborted ? ErrorCode::kCancelled : ErrorCode::kUnavailable;
  return Error{code, std::string(operation) + " stream: " + error.message(), std::nullopt};
}

// What Asio copies into its operation: two pointers instead of a vector.
struct Pieces {
  using value_type = asio::const_buffer;
  using const_iterator = const asio::const_buffer*;
  const_iterator first;
  const_iterator last;
  const_iterator begin() const { return first; }
  const_iterator end() const { return last; }
};

// The part that callbacks in flight keep alive after the stream is gone.
class Connection final : public IoLoop::Member, public std::enable_shared_from_this<Connection> {
 public:
  // The executor's concrete type spares Asio the type-erased one's allocations.
  using Socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;

  explicit Connection(std::shared_ptr<IoLoop> loop)
      : loop_(std::move(loop)), socket_(loop_->context().get_executor()) {}

  Status open(FileDescriptor descriptor, bool ipv6) {
    error_code error;
    socket_.assign(ipv6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), descriptor.get(), error);
    if (error) return fail(ErrorCode::kUnavailable, "open stream: " + error.message());
    descriptor.release();
    loop_->join(*this);
    return {};
  }

  IoLoop& loop() { return *loop_; }

  void read_some(std::span<char> buffer, Stream::ReadCallback done) {
    socket_.async_read_some(asio::buffer(buffer.data(), buffer.size()),
                            [self = shared_from_this(), done = std::move(done)](
                                const error_code& error, std::size_t count) {
                              if (error == asio::error::eof)
                                done(std::size_t{0});
                              else if (error)
                                done(fail(to_error("read", error)));
                              else
                                done(count);
                            });
  }

  void wait_readable(std::function<void(Status)> done) {
    socket_.async_wait(Socket::wait_read, [self = shared_from_this(),
                                           done = std::move(done)](const error_code& error) {
      if (error)
        done(fail(to_error("read", error)));
      else
        done({});
    });
  }

  void write(std::span<const std::string_view> pieces, Stream::WriteCallback done) {
    unsent_.clear();
    for (const std::string_view piece : pieces) unsent_.emplace_back(piece.data(), piece.size());
    sent_ = 0;
    write_done_ = std::move(done);
    write_rest();
  }

  // One system call and nothing of Asio's: what a fan-out to idle sockets consists of.
  std::size_t write_now(std::string_view bytes) {
    const ssize_t sent =
        ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }

  void shutdown_write() {
    error_code ignored;  // The peer may be gone already.
    socket_.shutdown(Socket::shutdown_send, ignored);
  }

  void close() {
    if (!socket_.is_open()) return;
    loop_->leave(*this);
    loop_stopping();
  }

  void loop_stopping() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void write_rest() {
    const asio::const_buffer* const end = unsent_.data() + unsent_.size();
    socket_.async_write_some(
        Pieces{unsent_.data() + sent_, end},
        [self = shared_from_this()](const error_code& error, std::size_t count) {
          self->written(error, count);
        });
  }

  void written(const error_code& error, std::size_t count) {
    while (sent_ < unsent_.size() && count >= unsent_[sent_].size())
      count -= unsent_[sent_++].size();
    if (!error && sent_ < unsent_.size()) {
      unsent_[sent_] += count;
      write_rest();
      return;
    }
    const auto done = std::exchange(write_done_, nullptr);
    if (error)
      done(fail(to_error("write", error)));
    else
      done({});
  }

  std::shared_ptr<IoLoop> loop_;
  Socket socket_;
  std::vector<asio::const_buffer> unsent_;  // Kept for its capacity.
  std::size_t sent_ = 0;                    // How many of them went out whole.
  Stream::WriteCallback write_done_;
};

class TcpStream final : public Stream {
 public:
  TcpStream(std::shared_ptr<Connection> connection, std::string peer_address,
            std::shared_ptr<void> occupied)
      : connection_(std::move(connection)),
        peer_address_(std::move(peer_address)),
        occupied_(std::move(occupied)) {}
  ~TcpStream() override { connection_->close(); }
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

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
  std::size_t write_now(std::string_view bytes) override { return connection_->write_now(bytes); }
  void shutdown_write() override { connection_->shutdown_write(); }
  void close() override { connection_->close(); }
  std::string peer_address() const override { return peer_address_; }

 private:
  std::shared_ptr<Connection> connection_;
  std::string peer_address_;
  std::shared_ptr<void> occupied_;
};

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::unique_ptr<Stream>> make_tcp_stream(std::shared_ptr<IoLoop> loop, FileDescriptor socket,
                                                Peer peer, std::shared_ptr<void> occupied) {
  auto connection = std::make_shared<Connection>(std::move(loop));
  if (Status opened = connection->open(std::move(socket), peer.ipv6); !opened)
    return fail(std::move(opened).error());
  return std::make_unique<TcpStream>(std::move(connection), std::move(peer.address),
                                     std::move(occupied));
}

}  // namespace deskwire::net

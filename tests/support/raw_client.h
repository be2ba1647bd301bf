#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deskwire::test {

/// What a server sent for one request, taken apart no further than a test needs.
struct RawResponse {
  int status = 0;  ///< 0: the connection ended (or stayed silent) before a whole answer came.
  std::string head;
  std::string body;

  bool has_header(std::string_view line) const;
};

/// A TCP client on loopback that sends exactly the bytes it is told, however wrong they are.
/// Every wait ends after ten seconds, which fails a test instead of hanging it.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&&) = delete;

  bool connected() const { return socket_ >= 0; }
  /// False when the server has closed the connection meanwhile.
  bool send(std::string_view bytes);
  void shutdown_write();
  /// The next answer. @param to_head  Its request was HEAD: no body follows.
  RawResponse response(bool to_head = false);
  /// What has arrived up to and including `end`; what follows stays. Empty when it never comes.
  std::string read_until(std::string_view end);
  /// Waits for the server's FIN or reset and returns what came before it.
  std::string read_to_end();
  /// The server ended the connection with FIN, not with a reset (after read_to_end()).
  bool ended_cleanly() const { return clean_end_; }

 private:
  bool receive();

  int socket_ = -1;
  std::string received_;
  bool ended_ = false;
  bool clean_end_ = false;
};

}  // namespace deskwire::test

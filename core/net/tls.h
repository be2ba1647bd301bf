#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/net/stream.h"
#include "core/result.h"

namespace deskwire::net {

/// The certificate of a door and what every TLS connection to it shares: TLS 1.2 and newer, no
/// renegotiation, no compression.
///
/// Thread safety: every method may be called concurrently.
class TlsContext {
 public:
  /// @param cert_file  PEM: the certificate, then the rest of its chain.
  /// @param handshake  Longest time for a handshake.
  /// @errors kInvalid: a file that cannot be read, no certificate or key in it, or a key that is
  ///         another certificate's. The message names the file.
  static Result<std::shared_ptr<TlsContext>> load(const std::string& cert_file,
                                                  const std::string& key_file,
                                                  Milliseconds handshake);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// Other files for connections to come. @errors as load(): the old certificate stays.
  Status reload(const std::string& cert_file, const std::string& key_file);

  /// The server's side of TLS over a stream. The handshake happens within the first read or wait,
  /// and costs no thread; one that takes too long ends the stream. Loop thread.
  std::unique_ptr<Stream> wrap(std::unique_ptr<Stream> stream);
  Milliseconds handshake_timeout() const;

 private:
  class Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace deskwire::net

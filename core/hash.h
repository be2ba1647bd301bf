#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace deskwire {

enum class HashAlgorithm : std::uint8_t { kSha1, kSha256 };

/// Raw digest bytes (20 or 32). Source of the algorithms: OpenSSL 3.
std::string digest(HashAlgorithm algorithm, std::string_view data);
std::string hmac(HashAlgorithm algorithm, std::string_view key, std::string_view data);
inline std::string sha256(std::string_view data) { return digest(HashAlgorithm::kSha256, data); }

std::string hex_encode(std::string_view bytes);  ///< Lower case.
/// nullopt on an odd length or a character outside [0-9a-fA-F].
std::optional<std::string> hex_decode(std::string_view text);
std::string base64_encode(std::string_view bytes);  ///< RFC 4648 §4, padded.
/// Strict: padding required, no whitespace; nullopt otherwise.
std::optional<std::string> base64_decode(std::string_view text);
std::string base64url_encode(std::string_view bytes);  ///< RFC 4648 §5, unpadded.
std::optional<std::string> base64url_decode(std::string_view text);
/// RFC 4648 §6 alphabet in lower case, unpadded.
std::string base32_encode(std::string_view bytes);

/// Compares in time that depends on the lengths only. Different lengths are never equal.
bool constant_time_equal(std::string_view a, std::string_view b);

/// CRC-16/XMODEM, the hash of Redis Cluster's key slots (cluster-spec, "Key distribution model").
std::uint16_t crc16(std::string_view data);

/// Cryptographically strong bytes (RAND_bytes). Aborts the process when the system has none.
std::string random_bytes(std::size_t count);

}  // namespace deskwire

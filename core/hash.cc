#include "core/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace deskwire {
namespace {

// Fetched once: OpenSSL 3 looks an algorithm up by name under a lock whenever it is named anew,
// which costs more than hashing a webhook.
const EVP_MD* evp_of(HashAlgorithm algorithm) {
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm == HashAlgorithm::kSha1 ? sha1 : sha256;
}

void fill_random(char* out, std::size_t count) {
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out), static_cast<int>(count)) != 1) {
    std::abort();  // Guessable keys and ids would be worse than not running.
  }
}

// RAND_bytes takes a lock and asks the kernel whether the process has forked; one call serves many
// ids. What was handed out is wiped.
class RandomPool {
 public:
  static constexpr std::size_t kLargest = 64;

  void take(char* out, std::size_t count) {
    if (kSize - position_ < count) {
      fill_random(pool_.data(), kSize);
      position_ = 0;
    }
    std::memcpy(out, pool_.data() + position_, count);
    OPENSSL_cleanse(pool_.data() + position_, count);
    position_ += count;
  }

 private:
  static constexpr std::size_t kSize = 1024;
  std::array<char, kSize> pool_{};
  std::size_t position_ = kSize;
};

const unsigned char* bytes_of(std::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

// One MAC context a thread and algorithm, for the same reason.
class MacContext {
 public:
  explicit MacContext(const char* digest_name) : context_(EVP_MAC_CTX_new(hmac_method())) {
    std::string name(digest_name);
    const std::array<OSSL_PARAM, 2> parameters = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
        OSSL_PARAM_construct_end()};
    if (context_ == nullptr || EVP_MAC_CTX_set_params(context_, parameters.data()) != 1) {
      std::abort();  // Only a broken OpenSSL installation gets here.
    }
  }
  ~MacContext() { EVP_MAC_CTX_free(context_); }
  MacContext(const MacContext&) = delete;
  MacContext& operator=(const MacContext&) = delete;

  EVP_MAC_CTX* get() { return context_; }

 private:
  static EVP_MAC* hmac_method() {
    static EVP_MAC* const method = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    return method;
  }
  EVP_MAC_CTX* context_;
};

constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64UrlAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode64(std::string_view bytes, std::string_view alphabet, bool pad) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = (buffer << 8U) | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      out += alphabet[(buffer >> static_cast<unsigned>(bits)) & 63U];
    }
  }
  if (bits > 0) out += alphabet[(buffer << static_cast<unsigned>(6 - bits)) & 63U];
  while (pad && out.size() % 4 != 0) out += '=';
  return out;
}

// Strict: leftover bits must be zero, so that one byte string has exactly one text.
std::optional<std::string> decode64(std::string_view text, std::string_view alphabet) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::array<int, 256> value{};
  value.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    value[static_cast<unsigned char>(alphabet[i])] = static_cast<int>(i);
  }
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const int v = value[static_cast<unsigned char>(c)];
    if (v < 0) return std::nullopt;
    buffer = (buffer << 6U) | static_cast<std::uint32_t>(v);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>((buffer >> bits) & 0xFFU);
    }
  }
  if ((buffer & ((1U << bits) - 1U)) != 0) return std::nullopt;
  return out;
}

}  // namespace

std::string digest(HashAlgorithm algorithm, std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  if (EVP_Digest(data.data(), data.size(), out.data(), &size, evp_of(algorithm), nullptr) != 1) {
    std::abort();  // Only a broken OpenSSL installation gets here; nothing could be trusted after
                   // it.
  }
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string hmac(HashAlgorithm algorithm, std::string_view key, std::string_view data) {
  thread_local MacContext sha1("SHA1");
  thread_local MacContext sha256("SHA256");
  EVP_MAC_CTX* const context = algorithm == HashAlgorithm::kSha1 ? sha1.get() : sha256.get();
  // An empty key must be set as such: a null pointer would keep the last call's.
  static constexpr unsigned char kNoKey = 0;
  const unsigned char* const key_bytes = key.empty() ? &kNoKey : bytes_of(key);
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  std::size_t size = 0;
  if (EVP_MAC_init(context, key_bytes, key.size(), nullptr) != 1 ||
      EVP_MAC_update(context, bytes_of(data), data.size()) != 1 ||
      EVP_MAC_final(context, out.data(), &size, out.size()) != 1) {
    std::abort();  // As in digest().
  }
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string hex_encode(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::optional<std::string> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  const auto nibble = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = nibble(text[i]);
    const int low = nibble(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

std::string base64_encode(std::string_view bytes) { return encode64(bytes, kBase64Alphabet, true); }

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return decode64(text, kBase64Alphabet);
}

std::string base64url_encode(std::string_view bytes) {
  return encode64(bytes, kBase64UrlAlphabet, false);
}

std::optional<std::string> base64url_decode(std::string_view text) {
  return decode64(text, kBase64UrlAlphabet);
}

std::string base32_encode(std::string_view bytes) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string out;
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (const char c : bytes) {
    buffer = (buffer << 8U) | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += kAlphabet[(buffer >> bits) & 31U];
    }
  }
  if (bits > 0) out += kAlphabet[(buffer << (5U - bits)) & 31U];
  return out;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::uint16_t crc16(std::string_view data) {
  std::uint16_t crc = 0;
  for (const char c : data) {
    crc = static_cast<std::uint16_t>(crc ^ (static_cast<unsigned char>(c) << 8U));
    for (int bit = 0; bit < 8; ++bit) {
      const bool high = (crc & 0x8000U) != 0;
      crc = static_cast<std::uint16_t>(crc << 1U);
      if (high) crc = static_cast<std::uint16_t>(crc ^ 0x1021U);
    }
  }
  return crc;
}

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  if (count > RandomPool::kLargest) {
    fill_random(out.data(), count);
  } else {
    thread_local RandomPool pool;
    pool.take(out.data(), count);
  }
  return out;
}

}  // namespace deskwire

#include "core/public_key.h"

#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <utility>

#include "core/hash.h"

namespace deskwire {
namespace {

// Room for the largest RSA key in use, 16,384 bits, private and in Base64.
constexpr std::size_t kMaxPemBytes = 32768;
constexpr std::size_t kEd25519Bytes = 32;
constexpr int kMinRsaBits = 1024;
constexpr int kMaxRsaBits = 16384;

const unsigned char* bytes_of(std::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

using KeyPointer = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using ContextPointer = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

KeyPointer owned(EVP_PKEY* key) { return {key, &EVP_PKEY_free}; }

/// The Base64 between the dashes, or all of it where there are none, without white space.
std::string bare_base64(std::string_view text) {
  constexpr std::string_view kDashes = "-----";
  const std::size_t begin = text.find(kDashes);
  if (begin != std::string_view::npos) {
    const std::size_t label_end = text.find(kDashes, begin + kDashes.size());
    if (label_end == std::string_view::npos) return {};
    text.remove_prefix(label_end + kDashes.size());
    text = text.substr(0, text.find(kDashes));
  }
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool written_out =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 'r');
    if (written_out) {
      ++i;
    } else if (text[i] != ' ' && text[i] != '\n' && text[i] != '\r' && text[i] != '\t') {
      out += text[i];
    }
  }
  return out;
}

/// @param structure  "SubjectPublicKeyInfo", "PrivateKeyInfo", "type-specific".
KeyPointer decode_as(const char* structure, const char* type, int selection,
                     const std::string& der) {
  EVP_PKEY* key = nullptr;
  const std::unique_ptr<OSSL_DECODER_CTX, decltype(&OSSL_DECODER_CTX_free)> decoder(
      OSSL_DECODER_CTX_new_for_pkey(&key, "DER", structure, type, selection, nullptr, nullptr),
      &OSSL_DECODER_CTX_free);
  if (!decoder) return owned(nullptr);
  const unsigned char* data = bytes_of(der);
  std::size_t left = der.size();
  const bool decoded = OSSL_DECODER_from_data(decoder.get(), &data, &left) == 1;
  KeyPointer owner = owned(key);
  // Something behind the key would mean that we read it differently from others.
  return decoded && left == 0 ? std::move(owner) : owned(nullptr);
}

bool is_usable(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return true;
  if (EVP_PKEY_is_a(key, "RSA") != 1) return false;
  const int bits = EVP_PKEY_get_bits(key);
  return bits >= kMinRsaBits && bits <= kMaxRsaBits;
}

}  // namespace

struct PublicKey::Key {
  Key(KeyPointer pointer, bool has_private) : pkey(std::move(pointer)), is_private(has_private) {}
  // Ed25519 hashes by itself and must be given none.
  const EVP_MD* digest() const {
    return EVP_PKEY_is_a(pkey.get(), "ED25519") == 1 ? nullptr : EVP_sha256();
  }
  const KeyPointer pkey;
  const bool is_private;
};

Result<PublicKey> PublicKey::from_pem(std::string_view text) {
  if (text.size() <= kMaxPemBytes) {
    if (const auto der = base64_decode(bare_base64(text)); der && !der->empty()) {
      struct Form {
        const char* structure;
        const char* type;
        bool is_private;
      };
      constexpr Form kForms[] = {{"SubjectPublicKeyInfo", nullptr, false},
                                 {"type-specific", "RSA", false},
                                 {"PrivateKeyInfo", nullptr, true},
                                 {"type-specific", "RSA", true}};
      for (const Form& form : kForms) {
        KeyPointer key = decode_as(form.structure, form.type,
                                   form.is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, *der);
        if (key && is_usable(key.get())) {
          return PublicKey(std::make_shared<const Key>(std::move(key), form.is_private));
        }
      }
    }
  }
  return fail(ErrorCode::kInvalid, "read key: no RSA or Ed25519 key in PEM");
}

Result<PublicKey> PublicKey::ed25519(std::string_view raw) {
  KeyPointer key =
      owned(raw.size() == kEd25519Bytes
                ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw), raw.size())
                : nullptr);
  if (!key) return fail(ErrorCode::kInvalid, "read key: no Ed25519 public key of 32 bytes");
  return PublicKey(std::make_shared<const Key>(std::move(key), false));
}

Result<PublicKey> PublicKey::ed25519_private(std::string_view raw) {
  if (raw.size() == 2 * kEd25519Bytes) raw = raw.substr(0, kEd25519Bytes);
  KeyPointer key =
      owned(raw.size() == kEd25519Bytes
                ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(raw), raw.size())
                : nullptr);
  if (!key) return fail(ErrorCode::kInvalid, "read key: no Ed25519 private key of 32 bytes");
  return PublicKey(std::make_shared<const Key>(std::move(key), true));
}

bool PublicKey::verify(std::string_view message, std::string_view signature) const {
  const ContextPointer context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  return context &&
         EVP_DigestVerifyInit(context.get(), nullptr, key_->digest(), nullptr, key_->pkey.get()) ==
             1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(message),
                          message.size()) == 1;
}

Result<std::string> PublicKey::sign(std::string_view message) const {
  if (!key_->is_private) {
    return fail(ErrorCode::kUnsupported, "sign: the key is a public one, which only verifies");
  }
  const ContextPointer context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  std::size_t size = 0;
  if (!context ||
      EVP_DigestSignInit(context.get(), nullptr, key_->digest(), nullptr, key_->pkey.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(message), message.size()) != 1) {
    return fail(ErrorCode::kInvalid, "sign: the key cannot sign");
  }
  std::string out(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                     bytes_of(message), message.size()) != 1) {
    return fail(ErrorCode::kInvalid, "sign: the key cannot sign");
  }
  out.resize(size);
  return out;
}

}  // namespace deskwire

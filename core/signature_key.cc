#include "core/signature_key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "core/hash.h"
#include "core/json.h"

namespace deskwire {
namespace {

using nlohmann::json;

constexpr std::size_t kMinSecretBytes = 32;
constexpr int kMinRsaBits = 2048;
/// A larger key would let whoever sends tokens spend our time.
constexpr int kMaxRsaBits = 8192;
constexpr std::size_t kCoordinateBytes = 32;  // P-256
constexpr std::size_t kMaxJwksBytes = 65536;
constexpr std::size_t kMaxJwksKeys = 100;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;

const unsigned char* bytes_of(std::string_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

BignumPtr number_of(std::string_view bytes) {
  return BignumPtr(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

/// @errors kInvalid: the key is not what the algorithm wants.
Status check_kind(SignatureAlgorithm algorithm, EVP_PKEY* key) {
  if (algorithm == SignatureAlgorithm::kRs256) {
    if (EVP_PKEY_is_a(key, "RSA") != 1) return fail(ErrorCode::kInvalid, "is no RSA key");
    const int bits = EVP_PKEY_get_bits(key);
    if (bits >= kMinRsaBits && bits <= kMaxRsaBits) return {};
    return fail(ErrorCode::kInvalid,
                "has " + std::to_string(bits) + " bits; 2048 to 8192 are possible");
  }
  std::array<char, 64> group{};
  std::size_t length = 0;
  const bool named = EVP_PKEY_is_a(key, "EC") == 1 &&
                     EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) == 1;
  if (named && std::string_view(group.data(), length) == "prime256v1") return {};
  return fail(ErrorCode::kInvalid, "is no key on the curve P-256");
}

/// The public key inside a PEM text: by itself or in a certificate.
PkeyPtr read_pem(std::string_view pem) {
  const auto open = [&] {
    return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  };
  if (pem.find("-----BEGIN CERTIFICATE-----") != std::string_view::npos) {
    const X509Ptr certificate(PEM_read_bio_X509(open().get(), nullptr, nullptr, nullptr));
    return PkeyPtr(certificate ? X509_get_pubkey(certificate.get()) : nullptr);
  }
  return PkeyPtr(PEM_read_bio_PUBKEY(open().get(), nullptr, nullptr, nullptr));
}

PkeyPtr key_from(const char* type, OSSL_PARAM* parameters) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) return nullptr;
  return PkeyPtr(key);
}

std::optional<std::string> octets_at(const json& jwk, const char* key) {
  auto octets = base64url_decode(string_at(jwk, key));
  if (octets && octets->empty()) return std::nullopt;
  return octets;
}

PkeyPtr rsa_key(const json& jwk) {
  const auto modulus = octets_at(jwk, "n");
  const auto exponent = octets_at(jwk, "e");
  if (!modulus || !exponent || modulus->size() > kMaxRsaBits / 8 + 1 || exponent->size() > 8) {
    return nullptr;
  }
  const BignumPtr n = number_of(*modulus);
  const BignumPtr e = number_of(*exponent);
  // With an exponent of 1 every signature would be its own message.
  if (!n || !e || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1) return nullptr;
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  const ParamsPtr parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  return key_from("RSA", parameters.get());
}

PkeyPtr ec_key(const json& jwk) {
  const auto x = octets_at(jwk, "x");
  const auto y = octets_at(jwk, "y");
  if (!x || !y || x->size() != kCoordinateBytes || y->size() != kCoordinateBytes) return nullptr;
  std::string point = "\x04" + *x + *y;
  std::string group = "prime256v1";
  std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  PkeyPtr key = key_from("EC", parameters.data());
  if (!key) return nullptr;
  // A point beside the curve is no key.
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  return context && EVP_PKEY_public_check(context.get()) == 1 ? std::move(key) : nullptr;
}

/// OpenSSL wants an ECDSA signature in DER, a JWT has r and s side by side (RFC 7518 §3.4).
std::optional<std::string> der_of(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return std::nullopt;
  const SignaturePtr parts(ECDSA_SIG_new());
  BignumPtr r = number_of(signature.substr(0, kCoordinateBytes));
  BignumPtr s = number_of(signature.substr(kCoordinateBytes));
  if (!parts || !r || !s || ECDSA_SIG_set0(parts.get(), r.get(), s.get()) != 1) return std::nullopt;
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  unsigned char* out = nullptr;
  const int length = i2d_ECDSA_SIG(parts.get(), &out);
  if (length <= 0) return std::nullopt;
  std::string der(reinterpret_cast<const char*>(out), static_cast<std::size_t>(length));
  OPENSSL_free(out);
  return der;
}

}  // namespace

struct SignatureKey::Material {
  std::string secret;  ///< HS256.
  PkeyPtr key;         ///< The others.
};

std::string_view name_of(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kHs256:
      return "HS256";
    case SignatureAlgorithm::kRs256:
      return "RS256";
    case SignatureAlgorithm::kEs256:
      return "ES256";
  }
  return "";
}

SignatureKey::SignatureKey(SignatureAlgorithm algorithm, std::shared_ptr<const Material> material,
                           std::string_view identity)
    : algorithm_(algorithm), material_(std::move(material)) {
  const std::string hash = sha256(std::string(name_of(algorithm)) + '\n' + std::string(identity));
  for (std::size_t i = 0; i < sizeof fingerprint_; ++i) {
    fingerprint_ = (fingerprint_ << 8U) | static_cast<unsigned char>(hash[i]);
  }
}

Result<SignatureKey> SignatureKey::from_secret(std::string_view secret) {
  if (secret.size() < kMinSecretBytes) {
    return fail(ErrorCode::kInvalid,
                "has " + std::to_string(secret.size()) + " bytes, at least 32 are needed");
  }
  // A public key that is taken for a secret would let everyone sign.
  if (secret.find("-----BEGIN ") != std::string_view::npos) {
    return fail(ErrorCode::kInvalid, "is a PEM text; HS256 wants a shared secret");
  }
  auto material = std::make_shared<Material>();
  material->secret = secret;
  return SignatureKey(SignatureAlgorithm::kHs256, std::move(material), secret);
}

Result<SignatureKey> SignatureKey::from_pem(SignatureAlgorithm algorithm, std::string_view pem) {
  if (algorithm == SignatureAlgorithm::kHs256) {
    return fail(ErrorCode::kInvalid, "HS256 has no public key");
  }
  if (pem.find("PRIVATE KEY-----") != std::string_view::npos) {
    return fail(ErrorCode::kInvalid, "is a private key; only its public part belongs here");
  }
  PkeyPtr key = read_pem(pem);
  if (!key) {
    return fail(ErrorCode::kInvalid, "is no PEM text of a public key or a certificate");
  }
  if (Status kind = check_kind(algorithm, key.get()); !kind) return fail(kind.error());
  auto material = std::make_shared<Material>();
  material->key = std::move(key);
  return SignatureKey(algorithm, std::move(material), pem);
}

Result<SignatureKey> SignatureKey::from_jwk(const json& jwk) {
  const std::string type = string_at(jwk, "kty");
  const std::string algorithm = string_at(jwk, "alg");
  if (string_at(jwk, "use", "sig") != "sig") {
    return fail(ErrorCode::kUnsupported, "is not for signatures");
  }
  if (jwk.contains("d")) {
    return fail(ErrorCode::kInvalid, "is a private key; only its public part belongs here");
  }
  const auto is_for = [&](const char* kind, const char* name) {
    return type == kind && (algorithm.empty() || algorithm == name);
  };
  if (is_for("oct", "HS256")) {
    const auto secret = octets_at(jwk, "k");
    return secret ? from_secret(*secret) : fail(ErrorCode::kInvalid, "has no k");
  }
  SignatureAlgorithm wanted = SignatureAlgorithm::kRs256;
  PkeyPtr key;
  if (is_for("RSA", "RS256")) {
    key = rsa_key(jwk);
  } else if (is_for("EC", "ES256") && string_at(jwk, "crv") == "P-256") {
    wanted = SignatureAlgorithm::kEs256;
    key = ec_key(jwk);
  } else {
    return fail(ErrorCode::kUnsupported, "is not for HS256, RS256 or ES256");
  }
  if (!key) return fail(ErrorCode::kInvalid, "its numbers make no key");
  if (Status kind = check_kind(wanted, key.get()); !kind) return fail(kind.error());
  const std::string identity = string_at(jwk, "n") + string_at(jwk, "x") + string_at(jwk, "y");
  auto material = std::make_shared<Material>();
  material->key = std::move(key);
  return SignatureKey(wanted, std::move(material), identity);
}

bool SignatureKey::verify(std::string_view text, std::string_view signature) const {
  if (algorithm_ == SignatureAlgorithm::kHs256) {
    return constant_time_equal(signature, hmac(HashAlgorithm::kSha256, material_->secret, text));
  }
  std::optional<std::string> octets(signature);
  if (algorithm_ == SignatureAlgorithm::kEs256) octets = der_of(signature);
  const DigestContextPtr context(EVP_MD_CTX_new());
  if (!octets || !context) return false;
  return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr,
                              material_->key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(*octets), octets->size(), bytes_of(text),
                          text.size()) == 1;
}

Result<std::vector<NamedSignatureKey>> parse_jwks(std::string_view text) {
  const auto root = parse_json(text, JsonLimits{kMaxJwksBytes, 8, false, true});
  if (!root) return fail(root.error());
  const auto list = root->is_object() ? root->find("keys") : root->end();
  if (!root->is_object() || list == root->end() || !list->is_array()) {
    return fail(ErrorCode::kInvalid, R"(is no JWKS; expected {"keys": [...]})");
  }
  if (list->size() > kMaxJwksKeys) {
    return fail(ErrorCode::kTooLarge, "has more than 100 keys");
  }
  std::vector<NamedSignatureKey> keys;
  std::set<std::string> kids;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const json& jwk = (*list)[i];
    const std::string place = "keys[" + std::to_string(i) + "] ";
    if (!jwk.is_object()) return fail(ErrorCode::kInvalid, place + "is no object");
    auto key = SignatureKey::from_jwk(jwk);
    if (!key && key.error().code == ErrorCode::kUnsupported) continue;
    if (!key) return fail(ErrorCode::kInvalid, place + key.error().message);
    std::string kid = string_at(jwk, "kid");
    if (!kid.empty() && !kids.insert(kid).second) {
      return fail(ErrorCode::kInvalid, place + "has a kid that is there twice");
    }
    keys.push_back({std::move(kid), std::move(*key)});
  }
  if (keys.empty()) {
    return fail(ErrorCode::kInvalid, "has no key for HS256, RS256 or ES256");
  }
  return keys;
}

}  // namespace deskwire

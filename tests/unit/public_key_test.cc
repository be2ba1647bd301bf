#include "core/public_key.h"

#include "core/hash.h"
#include "tests/support/catch.h"

using namespace deskwire;

namespace {

std::string bytes(std::string_view hex) { return *hex_decode(hex); }

// RFC 8032 §7.1, TEST 2.
const std::string kSeed = bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
const std::string kPublic =
    bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
const std::string kSignature = bytes(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");

}  // namespace

TEST_CASE("the Ed25519 vector of RFC 8032 holds", "[core][public_key]") {
  const auto verifier = PublicKey::ed25519(kPublic);
  const auto signer = PublicKey::ed25519_private(kSeed);
  REQUIRE(verifier);
  REQUIRE(signer);
  CHECK(*signer->sign("\x72") == kSignature);
  CHECK(verifier->verify("\x72", kSignature));
  CHECK(signer->verify("\x72", kSignature));
  CHECK_FALSE(verifier->verify("\x73", kSignature));
  CHECK_FALSE(verifier->verify("\x72", kSignature.substr(1)));
  CHECK_FALSE(verifier->verify("\x72", ""));
  CHECK(PublicKey::ed25519_private(kSeed + kPublic)->sign("\x72") == kSignature);
}

TEST_CASE("a public key signs nothing", "[core][public_key]") {
  CHECK(PublicKey::ed25519(kPublic)->sign("x").error().code == ErrorCode::kUnsupported);
}

TEST_CASE("what is no key is refused without being repeated", "[core][public_key]") {
  for (const std::string& text :
       {std::string(), std::string("hunter2"), std::string("-----BEGIN PUBLIC KEY-----"),
        std::string("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
        std::string(40000, 'A')}) {
    const auto key = PublicKey::from_pem(text);
    REQUIRE_FALSE(key);
    CHECK(key.error().code == ErrorCode::kInvalid);
    CHECK(key.error().message.find("hunter2") == std::string::npos);
  }
  CHECK_FALSE(PublicKey::ed25519("short"));
  CHECK_FALSE(PublicKey::ed25519_private("short"));
}

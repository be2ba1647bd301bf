#include "core/hash.h"

#include "tests/support/catch.h"

using namespace deskwire;

TEST_CASE("digests and HMACs equal the published vectors", "[core][hash]") {
  // FIPS 180-4 examples and RFC 4231 test case 2.
  CHECK(hex_encode(sha256("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex_encode(digest(HashAlgorithm::kSha1, "abc")) ==
        "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex_encode(hmac(HashAlgorithm::kSha256, "Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("an HMAC depends on its own key only, not on the call before", "[core][hash]") {
  const std::string with_key = hmac(HashAlgorithm::kSha256, "Jefe", "data");
  // RFC 2104 pads keys with zeros, so an empty key and one zero byte are the same key.
  const std::string without = hmac(HashAlgorithm::kSha256, "", "data");
  CHECK(without == hmac(HashAlgorithm::kSha256, std::string(1, '\0'), "data"));
  CHECK(without != with_key);
  CHECK(hmac(HashAlgorithm::kSha256, "Jefe", "data") == with_key);
  CHECK(hex_encode(
            hmac(HashAlgorithm::kSha1, "key", "The quick brown fox jumps over the lazy dog")) ==
        "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9");
}

TEST_CASE("base64 follows RFC 4648 and refuses everything loose", "[core][hash]") {
  CHECK(base64_encode("") == "");
  CHECK(base64_encode("f") == "Zg==");
  CHECK(base64_encode("foobar") == "Zm9vYmFy");
  CHECK(base64_decode("Zm9vYg==") == "foob");
  CHECK(base64_decode("Zg") == std::nullopt);
  CHECK(base64_decode("Zg=") == std::nullopt);
  CHECK(base64_decode("Zg==\n") == std::nullopt);
  CHECK(base64_decode("Z===") == std::nullopt);
  CHECK(base64_decode("Zh==") == std::nullopt);  // leftover bits are not zero
  CHECK(base64url_encode("\xff\xfe") == "__4");
  CHECK(base64url_decode("__4") == "\xff\xfe");
  CHECK(base64url_decode("//4") == std::nullopt);
}

TEST_CASE("hex and base32 round trip and refuse foreign characters", "[core][hash]") {
  CHECK(hex_decode("00FFab") == std::string("\x00\xff\xab", 3));
  CHECK(hex_decode("0") == std::nullopt);
  CHECK(hex_decode("0g") == std::nullopt);
  CHECK(base32_encode("foobar") == "mzxw6ytboi");
}

TEST_CASE("crc16 is the one that Redis Cluster uses", "[core][hash]") {
  CHECK(crc16("123456789") == 0x31C3);  // cluster-spec, appendix A
}

TEST_CASE("constant-time comparison compares contents and lengths", "[core][hash]") {
  CHECK(constant_time_equal("", ""));
  CHECK(constant_time_equal("abc", "abc"));
  CHECK_FALSE(constant_time_equal("abc", "abd"));
  CHECK_FALSE(constant_time_equal("abc", "abcd"));
}

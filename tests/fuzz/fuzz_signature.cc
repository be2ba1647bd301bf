// The signature header, the timestamp and the body of a stranger, for every scheme.
// Input: signature, timestamp and delivery id, a line each; then the body.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/signature_schemes.h"
#include "tests/fuzz/check.h"
#include "webhooks/signature.h"

namespace {

using namespace deskwire;

constexpr std::int64_t kNow = 1781081200;

std::string_view take_line(std::string_view& input) {
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view line = input.substr(0, end);
  input.remove_prefix(std::min(end + 1, input.size()));
  return line;
}

void check(const webhooks::SignatureScheme& scheme, std::string_view input) {
  const std::string_view signature = take_line(input);
  const std::string_view timestamp = take_line(input);
  const std::string_view delivery = take_line(input);
  std::string_view sent = signature;
  webhooks::SignedMessage message{"POST", "/webhooks/support", input, nullptr};
  message.header = [&](std::string_view name) -> std::vector<std::string_view> {
    if (name == scheme.signature_header) return {sent};
    if (name == scheme.timestamp_header) return {timestamp};
    return {delivery};
  };
  // The first one signs where a key has to be of a kind of its own.
  const bool is_ably = scheme.name == "ably";
  const std::vector<config::Secret> secrets = {
      config::Secret(is_ably ? "app.key:secret" : "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="),
      config::Secret("whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")};
  webhooks::is_usable_secret(scheme, config::Secret(std::string(input)));
  const auto answer = webhooks::verify(scheme, message, secrets, kNow, 300);
  DW_CHECK(!webhooks::name_of(answer).empty());

  // What we sign ourselves differs from a refused message only in the signature.
  const auto ours = webhooks::sign(scheme, message, secrets.front());
  if (!ours) return;
  if (answer == webhooks::SignatureRefusal::kMismatch) DW_CHECK(*ours != signature);
  sent = *ours;
  const auto own_answer = webhooks::verify(scheme, message, secrets, kNow, 300);
  if (answer == webhooks::SignatureRefusal::kMismatch ||
      answer == webhooks::SignatureRefusal::kNone) {
    DW_CHECK(own_answer == webhooks::SignatureRefusal::kNone);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  for (const std::string_view name : config::kSignatureSchemes) {
    if (const auto* scheme = webhooks::find_scheme(name)) check(*scheme, input);
  }
  return 0;
}

#include "publishers/codes.h"

#include <algorithm>
#include <array>
#include <utility>

namespace deskwire::publishers {

namespace {

constexpr Milliseconds kRedisRetry{1000};

constexpr std::array<std::pair<CloseCode, const char*>, 17> kLabels = {{
    {CloseCode::kNormal, "1000"},
    {CloseCode::kGoingAway, "1001"},
    {CloseCode::kProtocolError, "1002"},
    {CloseCode::kBinary, "1003"},
    {CloseCode::kNoStatus, "1005"},
    {CloseCode::kAbnormal, "1006"},
    {CloseCode::kBadUtf8, "1007"},
    {CloseCode::kTooLarge, "1009"},
    {CloseCode::kTokenRefused, "4001"},
    {CloseCode::kNotUnderstood, "4002"},
    {CloseCode::kForbidden, "4003"},
    {CloseCode::kSlowConsumer, "4008"},
    {CloseCode::kTokenExpired, "4009"},
    {CloseCode::kDraining, "4010"},
    {CloseCode::kServerError, "4011"},
    {CloseCode::kPongMissed, "4012"},
    {CloseCode::kTooManyConnections, "4029"},
}};

}  // namespace

bool should_reconnect(CloseCode code) {
  switch (code) {
    case CloseCode::kTokenRefused:
    case CloseCode::kForbidden:
    case CloseCode::kSlowConsumer:
    case CloseCode::kTokenExpired:
    case CloseCode::kDraining:
    case CloseCode::kServerError:
    case CloseCode::kPongMissed:
    case CloseCode::kTooManyConnections:
      return true;
    default:
      return false;
  }
}

const char* label_of(std::uint16_t close_code) {
  const auto* const found = std::find_if(kLabels.begin(), kLabels.end(), [&](const auto& entry) {
    return static_cast<std::uint16_t>(entry.first) == close_code;
  });
  return found == kLabels.end() ? "other" : found->second;
}

Refusal refusal_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return {ReplyCode::kBadField, error.message};
    case ErrorCode::kUnsupported:
      return {ReplyCode::kNotPossibleHere, error.message};
    case ErrorCode::kUnauthorized:
      return {ReplyCode::kTokenRefused, error.message};
    case ErrorCode::kDenied:
      return {ReplyCode::kCapabilityDenied, error.message};
    case ErrorCode::kNotFound:
      return {ReplyCode::kNotFound, error.message};
    case ErrorCode::kConflict:
      return {ReplyCode::kConflict, error.message};
    case ErrorCode::kTooLarge:
      return {ReplyCode::kTooLarge, error.message};
    case ErrorCode::kRateLimited:
      return {ReplyCode::kRate, error.message, {}, error.retry_after.value_or(kRedisRetry)};
    case ErrorCode::kTimeout:
    case ErrorCode::kUnavailable:
    case ErrorCode::kFull:
    case ErrorCode::kCancelled:
      // The layers below name hosts and keys in their messages; clients need none of it.
      return {ReplyCode::kRedisAway,
              "storage did not answer; the effect is unknown, try again",
              {},
              error.retry_after.value_or(kRedisRetry)};
    default:
      return {ReplyCode::kInternal, "server error"};
  }
}

}  // namespace deskwire::publishers

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/result.h"

namespace deskwire::publishers {

/// Codes of refused commands (contract §4, docs/protocol.md). HTTP status = code / 100.
enum class ReplyCode : std::uint16_t {
  kUnknownVerb = 40000,
  kBadField = 40001,
  kWrongShape = 40020,
  kTokenRefused = 40101,
  kTokenExpired = 40142,
  kCapabilityDenied = 40160,
  kOriginForbidden = 40300,
  kNotPossibleHere = 40301,
  kNotFound = 40400,
  kMethodNotAllowed = 40500,
  kConflict = 40900,
  kTooLarge = 41300,
  kRate = 42910,
  kInternal = 50000,
  kRedisAway = 50300,
};

/// Codes of close frames (RFC 6455 §7.4 and contract §4).
enum class CloseCode : std::uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kBinary = 1003,
  kNoStatus = 1005,  ///< Never sent: the peer's close frame was empty.
  kAbnormal = 1006,  ///< Never sent: the connection broke.
  kBadUtf8 = 1007,
  kTooLarge = 1009,
  kTokenRefused = 4001,
  kNotUnderstood = 4002,
  kForbidden = 4003,
  kSlowConsumer = 4008,
  kTokenExpired = 4009,
  kDraining = 4010,
  kServerError = 4011,
  kPongMissed = 4012,
  kTooManyConnections = 4029,
};

/// Whether the client should come back by itself; for 4001, 4003 and 4009 with a new token.
bool should_reconnect(CloseCode code);
/// The code as a label from a closed set: "4008", or "other" for codes that peers invent.
const char* label_of(std::uint16_t close_code);

/// Why a command or request is refused.
struct Refusal {
  ReplyCode code = ReplyCode::kInternal;
  std::string message;
  std::string field = {};  ///< The offending field, where one is to blame.
  std::optional<Milliseconds> retry_after = std::nullopt;
};

template <typename T>
using Answer = tl::expected<T, Refusal>;

inline tl::unexpected<Refusal> refuse(ReplyCode code, std::string message, std::string field = {}) {
  return tl::unexpected<Refusal>(Refusal{code, std::move(message), std::move(field), std::nullopt});
}

/// What an error of a lower layer means to a client. Redis being away, slow or full is 50300 with
/// a delay; the effect of the command is then unknown.
Refusal refusal_of(const Error& error);

}  // namespace deskwire::publishers

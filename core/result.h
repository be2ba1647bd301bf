#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace deskwire {

/// What the caller acts on. Retry, refusal and exit codes are decided from this value alone,
/// never from a message's text.
enum class ErrorCode : std::uint8_t {
  kInvalid,         ///< The input is wrong; the same input fails again.
  kUnsupported,     ///< Understood, but not possible here (contract error 40301).
  kUnauthorized,    ///< No or refused credentials.
  kDenied,          ///< Credentials are fine, the right is missing.
  kNotFound,        ///< No such object.
  kConflict,        ///< The object is in another state than the request supposes.
  kTooLarge,        ///< A named limit is passed.
  kRateLimited,     ///< Come back after `retry_after`.
  kTimeout,         ///< A deadline passed; the effect is unknown.
  kUnavailable,     ///< A dependency could not be reached; the effect is unknown.
  kFull,            ///< Redis refuses writes (OOM, MISCONF) or a queue's limit is reached.
  kStale,           ///< The lease is no longer ours.
  kUnknownOutcome,  ///< An effect may or may not have happened and cannot be verified.
  kCancelled,       ///< Stopped on purpose (shutdown, superseded).
  kCorrupt,         ///< Stored data or a peer's answer does not have the expected shape.
  kInternal,        ///< A defect of ours.
};

/// Stable lower-case name ("rate_limited"), as used in logs, metrics and JSON.
std::string_view name_of(ErrorCode code);

/// An error as a value: code for programs, message for people.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  /// `<operation> <object>: <cause>; <what to do>` in lower case, without secrets or bodies.
  std::string message;
  /// Set for kRateLimited and kFull where the peer named a delay.
  std::optional<std::chrono::milliseconds> retry_after = std::nullopt;

  /// The same error with `context + ": "` in front of the message.
  [[nodiscard]] Error prefixed(std::string_view context) && {
    message.insert(0, std::string(context) + ": ");
    return std::move(*this);
  }
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

/// `return fail(ErrorCode::kInvalid, "...")` from any function that returns a Result.
inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::nullopt});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace deskwire

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.h"

namespace deskwire::jobs {

/// Payloads above this many bytes are compressed.
inline constexpr std::size_t kCompressAbove = 1024;

/// A payload as it is stored: `r` and the bytes; or `z`, the length as 4 bytes (big endian) and
/// zlib's format (RFC 1950), where that is shorter.
std::string pack_payload(std::string_view payload);

/// @param max_bytes  Refused beyond it, before memory is spent.
/// @errors kCorrupt: not of that form, or longer than max_bytes.
Result<std::string> unpack_payload(std::string_view stored, std::size_t max_bytes);

}  // namespace deskwire::jobs

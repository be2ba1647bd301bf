#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace deskwire::webhooks {

/// A delivery as it waits on disk while Redis is away: authenticated and understood, not yet
/// enqueued. The raw body is kept rather than what was made of it, so that a newer version reads
/// what an older one has written.
struct SpooledDelivery {
  std::int64_t accepted_at_ms = 0;  ///< Unix ms.
  std::string source;               ///< config sources[].name
  std::string receipt;              ///< The job id that the sender was told.
  std::string delivery_id;          ///< The sender's; may be empty.
  std::string body;                 ///< Raw.
};

/// What a record costs on disk besides its fields.
inline constexpr std::size_t kSpoolHeaderBytes = 20;

/// A record as bytes. Numbers are little endian:
///
///   "DWR1" | payload length, 4 | SHA-256(payload), 8 | SHA-256(the 16 bytes before), 4 | payload
///
/// The payload is the time (8), then source, receipt, delivery id and body, each as length (4) and
/// bytes. The header has a checksum of its own, so that a damaged payload does not
/// cost the records behind it.
std::string encode_spool_record(const SpooledDelivery& delivery);

/// @param record  Header and payload of exactly one record.
/// @errors kCorrupt: not what encode_spool_record has written.
Result<SpooledDelivery> decode_spool_record(std::string_view record);

/// Where the records of a file lie, and what is between them.
struct SpoolScan {
  struct Piece {
    std::size_t offset = 0;
    std::size_t bytes = 0;
    std::int64_t accepted_at_ms = 0;  ///< Of records only.
  };
  std::vector<Piece> records;  ///< Whole ones, in order.
  std::vector<Piece> damaged;  ///< Bytes that are no record, with a record or a header around them.
  std::size_t torn_at = 0;     ///< A record begins here that was never finished; the end if none.
};

/// Looks a whole file through. Never fails: whatever the bytes are, each belongs to a record, to a
/// damaged piece or to the torn tail, and every undamaged record is found.
SpoolScan scan_spool(std::string_view bytes);

}  // namespace deskwire::webhooks

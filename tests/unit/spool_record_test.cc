#include "webhooks/spool_record.h"

#include <string>

#include "tests/support/catch.h"

using namespace deskwire;
using webhooks::decode_spool_record;
using webhooks::encode_spool_record;
using webhooks::kSpoolHeaderBytes;
using webhooks::scan_spool;
using webhooks::SpooledDelivery;

namespace {

SpooledDelivery delivery(int number, std::string body = R"({"id":1})") {
  SpooledDelivery made;
  made.accepted_at_ms = 1795255200000 + number;
  made.source = "support";
  made.receipt = "01M7XT0000000000000000000" + std::to_string(number % 10);
  made.delivery_id = "d-" + std::to_string(number);
  made.body = std::move(body);
  return made;
}

std::string three_records() {
  return encode_spool_record(delivery(1)) + encode_spool_record(delivery(2)) +
         encode_spool_record(delivery(3));
}

std::vector<std::string> found_in(const std::string& bytes) {
  std::vector<std::string> ids;
  for (const auto& piece : scan_spool(bytes).records) {
    ids.push_back(decode_spool_record(std::string_view(bytes).substr(piece.offset, piece.bytes))
                      ->delivery_id);
  }
  return ids;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("a spooled delivery comes back as it was", "[webhooks][spool]") {
  const SpooledDelivery given = delivery(7, std::string("raw \0 bytes \xff DWR1", 19));
  const auto read = decode_spool_record(encode_spool_record(given));
  REQUIRE(read);
  CHECK(read->accepted_at_ms == given.accepted_at_ms);
  CHECK(read->source == given.source);
  CHECK(read->receipt == given.receipt);
  CHECK(read->delivery_id == given.delivery_id);
  CHECK(read->body == given.body);
  CHECK(decode_spool_record(encode_spool_record({}))->body.empty());
}

TEST_CASE("no changed byte of a record goes unnoticed", "[webhooks][spool]") {
  const std::string record = encode_spool_record(delivery(1));
  for (std::size_t i = 0; i < record.size(); ++i) {
    CAPTURE(i);
    std::string changed = record;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    CHECK_FALSE(decode_spool_record(changed));
  }
  CHECK_FALSE(decode_spool_record(""));
  CHECK_FALSE(decode_spool_record(record + "x"));
  CHECK_FALSE(decode_spool_record(std::string_view(record).substr(1)));
}

TEST_CASE("wherever the last write was cut off, the records before it are found",
          "[webhooks][spool]") {
  const std::string whole = encode_spool_record(delivery(1)) + encode_spool_record(delivery(2));
  const std::string last = encode_spool_record(delivery(3));
  for (std::size_t kept = 0; kept < last.size(); ++kept) {
    CAPTURE(kept);
    const auto scan = scan_spool(whole + last.substr(0, kept));
    CHECK(scan.records.size() == 2);
    CHECK(scan.damaged.empty());
    CHECK(scan.torn_at == whole.size());
  }
  const auto scan = scan_spool(whole + last);
  CHECK(scan.records.size() == 3);
  CHECK(scan.torn_at == whole.size() + last.size());
}

TEST_CASE("a tail of zeros, as file systems leave it after a power loss, is torn",
          "[webhooks][spool]") {
  const std::string whole = three_records();
  const auto scan = scan_spool(whole + std::string(4096, '\0'));
  CHECK(scan.records.size() == 3);
  CHECK(scan.damaged.empty());
  CHECK(scan.torn_at == whole.size());
}

TEST_CASE("wherever one byte is damaged, the other records are found", "[webhooks][spool]") {
  const std::string whole = three_records();
  const std::size_t size = encode_spool_record(delivery(1)).size();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    CAPTURE(i);
    std::string changed = whole;
    changed[i] = static_cast<char>(~changed[i]);
    const Ids expected = i < size       ? Ids{"d-2", "d-3"}
                         : i < 2 * size ? Ids{"d-1", "d-3"}
                                        : Ids{"d-1", "d-2"};
    CHECK(found_in(changed) == expected);
    const auto scan = scan_spool(changed);
    // Damage in the last record's header cannot be told from a write that was cut off.
    const bool looks_torn = i >= 2 * size && i < 2 * size + kSpoolHeaderBytes;
    CHECK(scan.damaged.size() == (looks_torn ? 0 : 1));
    CHECK(scan.torn_at == (looks_torn ? 2 * size : 3 * size));
  }
}

TEST_CASE("a hole of zeros in the middle costs only what it covers", "[webhooks][spool]") {
  std::string bytes = three_records();
  const std::size_t size = bytes.size() / 3;
  bytes.replace(size - 10, 30, 30, '\0');
  CHECK(found_in(bytes) == Ids{"d-3"});
}

TEST_CASE("a body that looks like a record is not taken for one", "[webhooks][spool]") {
  const std::string inner = encode_spool_record(delivery(9));
  const std::string bytes =
      encode_spool_record(delivery(1, inner)) + encode_spool_record(delivery(2));
  CHECK(found_in(bytes) == Ids{"d-1", "d-2"});
}

TEST_CASE("a length beyond the file's end hides nothing that follows", "[webhooks][spool]") {
  // A sound header whose payload was never written, then records of a later life.
  const std::string cut = encode_spool_record(delivery(1, std::string(5000, 'x'))).substr(0, 100);
  const std::string bytes = cut + encode_spool_record(delivery(2));
  CHECK(found_in(bytes) == Ids{"d-2"});
  CHECK(scan_spool(bytes).damaged.size() == 1);
}

TEST_CASE("nothing and foreign bytes are no records", "[webhooks][spool]") {
  CHECK(scan_spool("").torn_at == 0);
  const auto scan = scan_spool("a text file that somebody put there, DWR1 and all");
  CHECK(scan.records.empty());
  CHECK(scan.torn_at == 0);
}

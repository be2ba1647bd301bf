deskwire_add_tests(NAME unit_core LABEL unit
  SOURCES
    unit/channel_test.cc
    unit/hash_test.cc
    unit/public_key_test.cc
    unit/ids_test.cc
    unit/json_test.cc
    unit/metrics_test.cc
    unit/signature_key_test.cc
    unit/snapshot_test.cc
    unit/time_zone_test.cc
    unit/timestamp_test.cc
  DEPS nlohmann_json::nlohmann_json)

deskwire_add_tests(NAME unit_redis LABEL unit
  SOURCES
    unit/redis_url_test.cc
    unit/reply_reader_test.cc)

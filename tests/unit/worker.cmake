deskwire_add_tests(NAME unit_worker LABEL unit
  SOURCES
    support/reply_bench.cc
    unit/handoff_handler_test.cc
    unit/reply_handler_test.cc
    unit/step_batches_test.cc
    unit/typing_feed_test.cc
    unit/worker_parts_test.cc
    unit/worker_pool_test.cc
  DEPS deskwire::worker nlohmann_json::nlohmann_json)

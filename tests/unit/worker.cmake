deskwire_add_tests(NAME unit_worker LABEL unit
  SOURCES
    support/reply_bench.cc
    unit/handoff_handler_test.cc
    unit/incidents_test.cc
    unit/masking_test.cc
    unit/reply_drafts_test.cc
    unit/reply_handler_test.cc
    unit/reply_parts_test.cc
    unit/responders_test.cc
    unit/send_handler_test.cc
    unit/step_batches_test.cc
    unit/typing_feed_test.cc
    unit/worker_parts_test.cc
    unit/worker_pool_test.cc
  DEPS deskwire::worker nlohmann_json::nlohmann_json)

deskwire_add_tests(NAME unit_sla LABEL unit
  SOURCES
    support/sla_day.cc
    support/sla_story.cc
    unit/sla_calendar_random_test.cc
    unit/sla_calendar_test.cc
    unit/sla_config_test.cc
    unit/sla_day_test.cc
    unit/sla_fold_test.cc
    unit/sla_policy_match_test.cc
  DEPS deskwire::worker nlohmann_json::nlohmann_json)

deskwire_add_tests(NAME unit_cli LABEL unit
  SOURCES
    support/reply_bench.cc
    unit/cli_text_test.cc
    unit/job_access_test.cc
    unit/job_reason_test.cc
    unit/job_selection_test.cc
    unit/reloads_test.cc
    unit/replay_forecast_test.cc
    unit/worker_handlers_test.cc
  DEPS deskwire::cli nlohmann_json::nlohmann_json)

deskwire_add_tests(NAME integration_jobs LABEL integration
  SOURCES
    integration/data_layout_redis_test.cc
    integration/dispatcher_redis_test.cc
    integration/fsck_redis_test.cc
    integration/job_keys_redis_test.cc
    integration/job_store_faults_redis_test.cc
    integration/job_store_redis_test.cc
    integration/job_tail_redis_test.cc
    integration/replay_batches_redis_test.cc
    integration/redis_acl_redis_test.cc
    support/job_store_conformance.cc
    support/job_store_debounce_conformance.cc
    support/job_store_effects_conformance.cc
    support/job_store_intake_conformance.cc
    support/job_store_lanes_conformance.cc
    support/job_store_operators_conformance.cc
    support/lane_check.cc
    support/redis_job_harness.cc
  DEPS deskwire::jobs nlohmann_json::nlohmann_json)

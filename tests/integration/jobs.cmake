deskwire_add_tests(NAME integration_jobs LABEL integration
  SOURCES
    integration/data_layout_redis_test.cc
    integration/dispatcher_redis_test.cc
    integration/fsck_redis_test.cc
    integration/job_keys_redis_test.cc
    integration/job_store_faults_redis_test.cc
    integration/job_store_model_redis_test.cc
    integration/job_store_redis_test.cc
    integration/jobs_cases_redis_test.cc
    integration/jobs_cases_time_redis_test.cc
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
    support/redis_time.cc
    support/twin_stores.cc
  DEPS deskwire::jobs nlohmann_json::nlohmann_json)

# Loaded into a redis-server, which knows nothing of sanitizers.
add_library(redis_time_shim MODULE "${PROJECT_SOURCE_DIR}/tests/support/redis_time_shim.cc")
target_compile_features(redis_time_shim PRIVATE cxx_std_20)
target_compile_options(redis_time_shim PRIVATE -fno-sanitize=all)
target_link_options(redis_time_shim PRIVATE -fno-sanitize=all)
add_dependencies(integration_jobs redis_time_shim)
set_source_files_properties("${PROJECT_SOURCE_DIR}/tests/support/redis_time.cc" PROPERTIES
  COMPILE_DEFINITIONS "DESKWIRE_REDIS_TIME_SHIM=\"$<TARGET_FILE:redis_time_shim>\"")

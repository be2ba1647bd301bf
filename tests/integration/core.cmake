deskwire_add_tests(NAME integration_redis LABEL integration
  SOURCES
    integration/bell_listener_redis_test.cc
    integration/channel_log_redis_test.cc
    integration/redis_client_faults_redis_test.cc
    integration/redis_client_lifecycle_test.cc
    integration/redis_client_redis_test.cc
    integration/redis_refusals_test.cc
    integration/redis_sentinel_redis_test.cc
    integration/redis_wait_redis_test.cc
    integration/subscriber_redis_test.cc
  DEPS nlohmann_json::nlohmann_json)

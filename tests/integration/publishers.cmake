deskwire_add_tests(NAME integration_publishers LABEL integration
  SOURCES
    integration/echo_server_test.cc
    integration/gateway_channels_redis_test.cc
    integration/gateway_faults_redis_test.cc
    integration/gateway_rest_redis_test.cc
    support/gateway_bench.cc
  DEPS deskwire::publishers nlohmann_json::nlohmann_json)

deskwire_add_tests(NAME integration_oncall LABEL integration
  SOURCES
    integration/on_call_store_redis_test.cc
  DEPS deskwire::publishers nlohmann_json::nlohmann_json)

deskwire_add_tests(NAME integration_cli LABEL integration
  SOURCES
    integration/admin_door_test.cc
    integration/chatwoot_sweep_test.cc
    integration/embedded_redis_test.cc
    integration/read_back_test.cc
    support/fake_http.cc
  DEPS deskwire::cli nlohmann_json::nlohmann_json)

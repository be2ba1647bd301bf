deskwire_add_tests(NAME integration_config LABEL integration
  SOURCES integration/config_secrets_test.cc
  DEPS deskwire::config nlohmann_json::nlohmann_json)

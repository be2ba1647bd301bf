deskwire_add_tests(NAME unit_config LABEL unit
  SOURCES
    unit/config_default_test.cc
    unit/config_mistakes_test.cc
    unit/listen_test.cc
    unit/nearest_test.cc
  DEPS deskwire::config nlohmann_json::nlohmann_json)

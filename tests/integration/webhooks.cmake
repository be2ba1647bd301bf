deskwire_add_tests(NAME integration_webhooks LABEL integration
  SOURCES
    integration/receiver_faults_test.cc
    integration/receiver_test.cc
  DEPS deskwire::webhooks nlohmann_json::nlohmann_json)

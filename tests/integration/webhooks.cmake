deskwire_add_tests(NAME integration_webhooks LABEL integration
  SOURCES
    integration/quarantine_test.cc
    integration/receiver_faults_test.cc
    integration/receiver_spool_test.cc
    integration/receiver_test.cc
    integration/receiver_vendors_test.cc
    integration/spool_log_test.cc
  DEPS deskwire::webhooks nlohmann_json::nlohmann_json)

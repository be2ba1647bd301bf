deskwire_add_tests(NAME integration_net LABEL integration
  SOURCES
    integration/http_server_hostile_test.cc
    integration/http_server_lifetime_test.cc
    integration/http_server_test.cc
  DEPS deskwire::core)

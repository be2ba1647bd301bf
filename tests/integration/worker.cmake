deskwire_add_tests(NAME integration_worker LABEL integration
  SOURCES
    integration/chatwoot_client_test.cc
    integration/queue_wait_redis_test.cc
    integration/ticket_clients_test.cc
    support/fake_http.cc
  DEPS deskwire::worker nlohmann_json::nlohmann_json)

deskwire_add_tests(NAME integration_sla LABEL integration
  SOURCES
    integration/sla_keeper_redis_test.cc
    support/sla_story.cc
  DEPS deskwire::worker nlohmann_json::nlohmann_json)

deskwire_add_tests(NAME unit_publishers LABEL unit
  SOURCES
    unit/access_test.cc
    unit/capability_test.cc
    unit/channel_feed_test.cc
    unit/client_address_test.cc
    unit/connection_test.cc
    unit/gatekeeper_test.cc
    unit/issuer_test.cc
    unit/outbox_test.cc
    unit/plain_protocol_test.cc
    unit/plain_session_test.cc
    unit/presence_view_test.cc
    unit/publish_rules_test.cc
    unit/snooze_test.cc
    unit/token_test.cc
    unit/websocket_codec_test.cc
  DEPS deskwire::publishers nlohmann_json::nlohmann_json)

deskwire_add_tests(NAME unit_oncall LABEL unit
  SOURCES
    unit/alert_sinks_test.cc
    unit/alert_watch_test.cc
    unit/on_call_desk_test.cc
    unit/on_call_read_back_test.cc
  DEPS deskwire::publishers nlohmann_json::nlohmann_json)

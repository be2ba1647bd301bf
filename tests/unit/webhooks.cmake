deskwire_add_tests(NAME unit_webhooks LABEL unit
  SOURCES
    unit/chatwoot_parser_test.cc
    unit/event_table_test.cc
    unit/generic_parser_test.cc
    unit/helpdesk_event_test.cc
    unit/line_budget_test.cc
    unit/outgoing_delivery_test.cc
    unit/plain_content_test.cc
    unit/replayed_delivery_test.cc
    unit/reply_payload_test.cc
    unit/signature_report_test.cc
    unit/signature_test.cc
    unit/spool_record_test.cc
    unit/vendor_parsers_test.cc
  DEPS deskwire::webhooks nlohmann_json::nlohmann_json)

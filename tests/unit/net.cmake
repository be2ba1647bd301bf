deskwire_add_tests(NAME unit_net LABEL unit
  SOURCES
    unit/host_list_test.cc
    unit/http_connection_test.cc
    unit/http_message_test.cc
    unit/http_parser_test.cc
    unit/listen_address_test.cc
    unit/memory_stream_test.cc
    unit/read_buffer_test.cc
  DEPS deskwire::core)

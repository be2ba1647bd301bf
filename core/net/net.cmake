target_sources(deskwire_core PRIVATE
  net/address_range.cc
  net/asio.cc
  net/host_list.cc
  net/http_connection.cc
  net/http_connections.cc
  net/http_message.cc
  net/http_parser.cc
  net/http_responder.cc
  net/http_server.cc
  net/http_text.cc
  net/inherited_sockets.cc
  net/io_loop.cc
  net/listener.cc
  net/tcp_stream.cc
  net/tls.cc)
# Asio's own code is compiled once, in net/asio.cc.
target_compile_definitions(deskwire_asio INTERFACE BOOST_ASIO_SEPARATE_COMPILATION)
target_link_libraries(deskwire_core PRIVATE deskwire_asio)

target_sources(deskwire_test_support PRIVATE memory_stream.cc)
target_sources(deskwire_test_support PRIVATE "${CMAKE_CURRENT_LIST_DIR}/redis_server.cc")

target_sources(deskwire_test_support PRIVATE memory_stream.cc)
target_sources(deskwire_test_support PRIVATE "${CMAKE_CURRENT_LIST_DIR}/redis_server.cc"
  "${CMAKE_CURRENT_LIST_DIR}/redis_failover_set.cc")
target_sources(deskwire_test_support PRIVATE raw_client.cc)
target_sources(deskwire_test_support PRIVATE "${CMAKE_CURRENT_LIST_DIR}/fake_redis.cc")
target_sources(deskwire_test_support PRIVATE "${CMAKE_CURRENT_LIST_DIR}/scripted_helpdesk.cc")

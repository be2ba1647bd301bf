add_test(NAME include_directions
  COMMAND "${PROJECT_SOURCE_DIR}/tests/include_directions" "${PROJECT_SOURCE_DIR}")
set_tests_properties(include_directions PROPERTIES LABELS unit)

# ./test runs the stories itself, to count each of them; here they are for `ctest -L e2e`, once
# `npm ci` has been run in tests/e2e.
find_program(NODE_PROGRAM node)
if(NODE_PROGRAM AND EXISTS "${CMAKE_CURRENT_LIST_DIR}/node_modules")
  foreach(story bad_input capabilities chaos chat_nodes chat_page chat_reference chatwoot_events crash
      debounce deliveries helpdesks hub_storm js_client loop oncall oncall_board
      oncall_read_back operators operators_rest outage_replay poll_only redis_faults
      redis_setups reload replies replies_load replies_page rest restart rfc6455 sla
      sla_schedule sla_timers slow_consumer spool startup tls tokens websocket_codes why)
    add_test(NAME e2e_${story}
      COMMAND "${NODE_PROGRAM}" --test "${CMAKE_CURRENT_LIST_DIR}/${story}_test.mjs")
    set_tests_properties(e2e_${story} PROPERTIES LABELS e2e TIMEOUT 1200
      ENVIRONMENT "DESKWIRE_BINARY=$<TARGET_FILE:deskwire>")
  endforeach()
endif()

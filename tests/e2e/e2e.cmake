add_test(NAME include_directions
  COMMAND "${PROJECT_SOURCE_DIR}/tests/include_directions" "${PROJECT_SOURCE_DIR}")
set_tests_properties(include_directions PROPERTIES LABELS unit)

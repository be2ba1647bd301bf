# Reads CTest's LastTest.log and prints "<passed> <failed>" in test cases: those that Catch2 counts
# in a binary's output, or one for a test that is not a Catch2 binary.
/^[0-9]+\/[0-9]+ Testing: / {counted = 0; in_test = 1}
in_test && /^All tests passed \(.* in [0-9]+ test cases?\)/ {
  match($0, /in [0-9]+ test/)
  passed += substr($0, RSTART + 3, RLENGTH - 8)
  counted = 1
}
in_test && /^test cases: +[0-9]+ \|/ {
  fields = split($0, part, "|")
  for (i = 2; i <= fields; i++) {
    if (part[i] ~ /failed as expected|passed/) passed += part[i] + 0
    else if (part[i] ~ /failed/) {failed += part[i] + 0; named = 1}
  }
  counted = 1
}
/^Test Passed\.$/ {if (!counted) passed++; in_test = 0; named = 0}
# Also a binary that all test cases passed in, but that crashed or leaked at its end.
/^Test Failed\.$/ {if (!named) failed++; in_test = 0; named = 0}
/^Test Not Run/ {failed++}
END {print passed + 0, failed + 0}

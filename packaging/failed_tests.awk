# Reads CTest's LastTest.log and prints a line for each test that failed: "<binary>: <test case>" as
# Catch2 heads it, or the binary alone if it ended badly outside of a test case.
/^[0-9]+\/[0-9]+ Testing: / {binary = $3; title = ""; rules = 0; named = 0}
# No {n,}: Debian's awk does not know it. CTest's own rules are shorter.
/^-+$/ && length($0) > 70 {
  rules++
  if (rules % 2 == 1) title = ""
  next
}
rules % 2 == 1 {sub(/^ +/, ""); title = title == "" ? $0 : title " " $0; told = 0}
/^\.+$/ && length($0) > 70 {rules = 0}
/: FAILED:$/ && !told {print binary ": " title; told = 1; named = 1}
/^Test Failed\.$/ {if (!named) print binary}
/^Test Not Run/ {print binary ": not run"}

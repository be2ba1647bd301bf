#pragma once

#include <cstdlib>

/// A property that every input must keep; unlike assert, also in optimised builds.
#define DW_CHECK(condition)         \
  do {                              \
    if (!(condition)) std::abort(); \
  } while (false)

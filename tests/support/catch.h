#pragma once

// The one place that knows both Catch2 generations: 2.13 on Debian 12, 3 elsewhere.
#ifdef DESKWIRE_CATCH2_V3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

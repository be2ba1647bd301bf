# Toolchain of the presets `clang`, `asan` and `fuzz`: clang 14, which the checks are pinned to, where it is
# installed, else the distribution's. A preset can name only one; and naming another on the command
# line makes CMake start an existing tree over without the preset's options.
find_program(DESKWIRE_CLANGXX NAMES clang++-14 clang++ REQUIRED)
set(CMAKE_CXX_COMPILER "${DESKWIRE_CLANGXX}")

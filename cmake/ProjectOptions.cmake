# One INTERFACE target that carries the language level, the warnings and the sanitizers.
# Modules link it PRIVATE, so that nothing leaks to third-party code.
add_library(deskwire_options INTERFACE)
target_compile_features(deskwire_options INTERFACE cxx_std_20)
target_compile_options(deskwire_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
  -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(deskwire_options INTERFACE -Wthread-safety)
endif()
if(DESKWIRE_WERROR)
  target_compile_options(deskwire_options INTERFACE -Werror)
endif()

if(DESKWIRE_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 with ASan sees uninitialised reads inside libstdc++'s <regex>, which Catch2 includes.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
elseif(DESKWIRE_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio's fences are not modelled by g++'s TSan; the warning says nothing about our code.
    add_compile_options(-Wno-tsan)
  endif()
elseif(NOT DESKWIRE_SANITIZE STREQUAL "")
  message(FATAL_ERROR "DESKWIRE_SANITIZE: '${DESKWIRE_SANITIZE}' is not one of: (empty), address, thread")
endif()
if(DESKWIRE_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "DESKWIRE_FUZZ needs clang; use the preset 'fuzz'")
  endif()
  # Without this on the libraries libFuzzer sees no coverage.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Paths below the checkout do not count, so that one cache serves all of a machine's checkouts.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}"
    CCACHE_NOHASHDIR=true "${CCACHE_PROGRAM}")
endif()

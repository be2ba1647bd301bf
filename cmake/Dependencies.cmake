# Everything comes from the distribution's packages; docs/dependencies.md says why each is here.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(SPDLOG REQUIRED IMPORTED_TARGET spdlog)

find_path(BOOST_BEAST_INCLUDE boost/beast/version.hpp REQUIRED)
find_path(CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
find_path(TL_EXPECTED_INCLUDE tl/expected.hpp REQUIRED)

# Header-only packages become system includes: their warnings are not ours.
add_library(deskwire_asio INTERFACE)
target_include_directories(deskwire_asio SYSTEM INTERFACE "${BOOST_BEAST_INCLUDE}")
target_compile_definitions(deskwire_asio INTERFACE BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_BOOST_COROUTINE BOOST_ERROR_CODE_HEADER_ONLY)
target_link_libraries(deskwire_asio INTERFACE Threads::Threads)
add_library(deskwire_expected INTERFACE)
target_include_directories(deskwire_expected SYSTEM INTERFACE "${TL_EXPECTED_INCLUDE}")
add_library(deskwire_cli11 INTERFACE)
target_include_directories(deskwire_cli11 SYSTEM INTERFACE "${CLI11_INCLUDE}")

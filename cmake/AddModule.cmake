# deskwire_add_module(NAME SOURCES ... PUBLIC_DEPS ... PRIVATE_DEPS ...)
# One static library a folder, with the project root as its only include root.
function(deskwire_add_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC_DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(deskwire_${name} STATIC ${ARG_SOURCES})
  add_library(deskwire::${name} ALIAS deskwire_${name})
  target_include_directories(deskwire_${name} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(deskwire_${name}
    PUBLIC ${ARG_PUBLIC_DEPS}
    PRIVATE deskwire_options ${ARG_PRIVATE_DEPS})
endfunction()

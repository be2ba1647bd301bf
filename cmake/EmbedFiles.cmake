# deskwire_embed_files(TARGET NAMESPACE ns HEADER name.h FILES a.lua b.html ...)
# Writes a generated header with one std::string_view per file: deskwire::<ns>::k<FileName>,
# where "enqueue.lua" becomes kEnqueueLua. Regenerated when a file changes.
function(deskwire_embed_files target)
  cmake_parse_arguments(ARG "" "NAMESPACE;HEADER" "FILES" ${ARGN})
  set(out_dir "${CMAKE_CURRENT_BINARY_DIR}/generated")
  set(out "${out_dir}/${ARG_HEADER}")
  set(absolute_files "")
  foreach(file IN LISTS ARG_FILES)
    list(APPEND absolute_files "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  endforeach()
  string(REPLACE ";" "|" joined "${absolute_files}")
  add_custom_command(
    OUTPUT "${out}"
    COMMAND "${CMAKE_COMMAND}" "-DOUT=${out}" "-DNAMESPACE=${ARG_NAMESPACE}" "-DFILES=${joined}"
            -P "${PROJECT_SOURCE_DIR}/cmake/embed.cmake"
    DEPENDS ${absolute_files} "${PROJECT_SOURCE_DIR}/cmake/embed.cmake"
    VERBATIM)
  target_sources(${target} PRIVATE "${out}")
  target_include_directories(${target} PRIVATE "${out_dir}")
endfunction()

# SPDX-License-Identifier: Apache-2.0
# The page: dashboards/live bundled by esbuild below build/, and that embedded in the sink's library.
enable_language(ASM)
set(page_source ${CMAKE_SOURCE_DIR}/dashboards/live)
set(page_made ${CMAKE_CURRENT_BINARY_DIR}/page)
find_program(NSTRAIL_NODE NAMES node nodejs)
if(NOT NSTRAIL_NODE OR NOT EXISTS ${page_source}/node_modules/esbuild)
  message(FATAL_ERROR "the page cannot be bundled: node or dashboards/live/node_modules is missing: run scripts/setup run")
endif()

file(GLOB page_inputs CONFIGURE_DEPENDS ${page_source}/src/*)
set(page_files ${page_made}/index.html ${page_made}/page.js ${page_made}/page.css ${page_made}/licences.txt)
add_custom_command(OUTPUT ${page_files}
  COMMAND ${NSTRAIL_NODE} build.mjs ${page_made}
  WORKING_DIRECTORY ${page_source}
  DEPENDS ${page_inputs} ${page_source}/build.mjs ${page_source}/package-lock.json COMMENT "Page" VERBATIM)

set(page_assembler ${CMAKE_CURRENT_SOURCE_DIR}/sink/page.S)
target_sources(nstrail_sink PRIVATE ${page_assembler})
set_source_files_properties(${page_assembler} PROPERTIES
  OBJECT_DEPENDS "${page_files}"
  COMPILE_DEFINITIONS "PAGE_HTML=\"${page_made}/index.html\";PAGE_SCRIPT=\"${page_made}/page.js\";PAGE_STYLE=\"${page_made}/page.css\";PAGE_LICENCES=\"${page_made}/licences.txt\"")
target_link_libraries(nstrail_sink PRIVATE PkgConfig::XXHASH)

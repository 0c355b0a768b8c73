# SPDX-License-Identifier: Apache-2.0
# libnstrail: the floors wire, base, event and model as one static library, for other programs. What its headers
# need is C++23 and fmt; Boost and nlohmann_json are used inside only. Installed by itself with
#   cmake --install build/release --component library --prefix DIR
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(library_floors base event model)
set(library_objects)
foreach(floor ${library_floors})
  list(APPEND library_objects $<TARGET_OBJECTS:nstrail_${floor}>)
  # Also what a linker without link-time optimisation understands.
  target_compile_options(nstrail_${floor} PRIVATE $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-ffat-lto-objects>)
endforeach()
add_library(libnstrail STATIC ${library_objects})
add_library(nstrail::nstrail ALIAS libnstrail)
set_target_properties(libnstrail PROPERTIES OUTPUT_NAME nstrail EXPORT_NAME nstrail LINKER_LANGUAGE CXX)
target_compile_features(libnstrail INTERFACE cxx_std_23)
target_include_directories(libnstrail INTERFACE
  $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}> $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/bpf>)
target_link_libraries(libnstrail INTERFACE $<BUILD_INTERFACE:PkgConfig::FMT> $<INSTALL_INTERFACE:fmt::fmt>)

set(headers ${CMAKE_INSTALL_INCLUDEDIR}/nstrail)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/nstrail)
install(TARGETS libnstrail EXPORT nstrail ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
  INCLUDES DESTINATION ${headers})
install(EXPORT nstrail NAMESPACE nstrail:: FILE nstrailTargets.cmake DESTINATION ${package} COMPONENT library)
install(FILES model/nstrail.hpp DESTINATION ${headers} COMPONENT library)
install(FILES base/result.hpp DESTINATION ${headers}/base COMPONENT library)
install(FILES event/event.hpp event/format.hpp DESTINATION ${headers}/event COMPONENT library)
foreach(header account container holders ns_table paged pid_request set_tid task teardown view why world)
  install(FILES model/${header}.hpp DESTINATION ${headers}/model COMPONENT library)
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/bpf/wire/wire.h ${CMAKE_SOURCE_DIR}/bpf/wire/events.def
  ${CMAKE_SOURCE_DIR}/bpf/wire/hooks.def DESTINATION ${headers}/wire COMPONENT library)

configure_package_config_file(${CMAKE_SOURCE_DIR}/packaging/cmake/nstrailConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/nstrailConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/nstrailConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/nstrailConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/nstrailConfigVersion.cmake
  DESTINATION ${package} COMPONENT library)
# Found by where it is, so that the whole can be moved.
file(RELATIVE_PATH up_from_pkgconfig /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${CMAKE_SOURCE_DIR}/packaging/pkgconfig/nstrail.pc.in ${CMAKE_CURRENT_BINARY_DIR}/nstrail.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/nstrail.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)

# SPDX-License-Identifier: Apache-2.0
# What is installed besides the program and the library, and the packages made of it: packaging/deb makes them.
set(shared share/nstrail)
set(agent_docs share/doc/nstrail)
install(DIRECTORY dashboards/grafana dashboards/prometheus DESTINATION ${shared} COMPONENT agent
  FILES_MATCHING PATTERN "*.json" PATTERN "*.yml" PATTERN "*_test.yml" EXCLUDE)
install(FILES packaging/completions/nstrail DESTINATION share/bash-completion/completions COMPONENT agent)
install(FILES packaging/completions/_nstrail DESTINATION share/zsh/vendor-completions COMPONENT agent)
file(GLOB documents CONFIGURE_DEPENDS docs/*.md docs/*.json docs/*.svg)
list(FILTER documents EXCLUDE REGEX "/LIBRARY\\.md$")
install(FILES README.md ${documents} DESTINATION ${agent_docs} COMPONENT agent)
install(FILES packaging/debian/copyright DESTINATION ${agent_docs} COMPONENT agent)
install(FILES packaging/debian/copyright docs/LIBRARY.md DESTINATION share/doc/libnstrail-dev COMPONENT library)

set(NSTRAIL_MAINTAINER "nstrail maintainers <maintainers@nstrail.invalid>" CACHE STRING
  "Whom the packages name: the name and address of who builds them")

# What names where it is installed is written when that is known.
foreach(component agent library)
  install(CODE "
    set(SOURCE \"${CMAKE_CURRENT_SOURCE_DIR}\")
    set(VERSION \"${PROJECT_VERSION}\")
    set(MAINTAINER \"${NSTRAIL_MAINTAINER}\")
    set(STRIP \"${CMAKE_STRIP}\")
    include(\"${CMAKE_CURRENT_SOURCE_DIR}/packaging/install-${component}.cmake\")"
    COMPONENT ${component})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR nstrail)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT ${NSTRAIL_MAINTAINER})
# Each package has its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_COMPONENTS_ALL agent library)
set(CPACK_COMPONENTS_GROUPING IGNORE)
# As one installs for good: with names of files as they will be, not as they are while packing.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_AGENT_PACKAGE_NAME nstrail)
set(CPACK_DEBIAN_AGENT_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_AGENT_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_AGENT_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/conffiles
  ${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/postinst
  ${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/prerm
  ${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/postrm)
set(CPACK_COMPONENT_AGENT_DESCRIPTION "traces the lives of Linux namespaces and tasks
BPF programs report the births and ends of tasks and namespaces. An agent
rebuilds the hierarchy of namespaces from them, holds each event against rules
of the kernel, and serves it as a page, an API and metrics for Prometheus.")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libnstrail-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS libfmt-dev)
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "model of Linux namespaces and tasks, for other programs
The static library and headers of nstrail's model: events in, tasks and
namespaces out. It knows nothing of BPF, files or the network.")
include(CPack)

# SPDX-License-Identifier: Apache-2.0
# Runs while the library is installed. SOURCE, VERSION, MAINTAINER: of nstrail; STRIP: the program.
include(${SOURCE}/packaging/compress.cmake)
if(CMAKE_INSTALL_PREFIX STREQUAL /usr)
  # In a package there is no code for one compiler's link-time optimisation: another version of that could not read
  # it, and its names differ from build to build.
  file(GLOB archive $ENV{DESTDIR}/usr/lib/libnstrail.a $ENV{DESTDIR}/usr/lib/*/libnstrail.a)
  execute_process(COMMAND ${STRIP} --strip-debug --remove-section=.gnu.lto_* --enable-deterministic-archives ${archive}
    COMMAND_ERROR_IS_FATAL ANY)
endif()
changelog(libnstrail-dev)

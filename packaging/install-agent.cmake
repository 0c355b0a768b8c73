# SPDX-License-Identifier: Apache-2.0
# Runs while the agent is installed: the unit, its options and the man page, which say where all is.
# SOURCE, VERSION, MAINTAINER: of nstrail.
set(sbin ${CMAKE_INSTALL_PREFIX}/sbin)
if(CMAKE_INSTALL_PREFIX STREQUAL /usr)
  set(etc /etc)
  set(units /lib/systemd/system)
else()
  set(etc ${CMAKE_INSTALL_PREFIX}/etc)
  set(units ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
endif()
set(state /var/lib/nstrail)
set(to "$ENV{DESTDIR}")
configure_file(${SOURCE}/packaging/systemd/nstrail.service.in ${to}${units}/nstrail.service @ONLY
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
configure_file(${SOURCE}/packaging/default/nstrail.in ${to}${etc}/default/nstrail @ONLY
  FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
include(${SOURCE}/packaging/compress.cmake)
compress(${SOURCE}/packaging/man/nstrail.8 ${to}${CMAKE_INSTALL_PREFIX}/share/man/man8/nstrail.8.gz)
changelog(nstrail)

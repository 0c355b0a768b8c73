# SPDX-License-Identifier: Apache-2.0
# compress(FROM TO): gzip, without the time that it otherwise keeps.
function(compress from to)
  get_filename_component(folder ${to} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  execute_process(COMMAND gzip -9nc ${from} OUTPUT_FILE ${to} COMMAND_ERROR_IS_FATAL ANY)
  file(CHMOD ${to} FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

# changelog(PACKAGE): what Debian's tools look for; dated as SOURCE_DATE_EPOCH says, where it does.
function(changelog package)
  if(NOT CMAKE_INSTALL_PREFIX STREQUAL /usr)
    return()
  endif()
  string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
  string(CONCAT text "nstrail (${VERSION}) unstable; urgency=medium\n\n  * Version ${VERSION}.\n\n"
    " -- ${MAINTAINER}  ${date}\n")
  set(plain $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share/doc/${package}/changelog)
  file(WRITE ${plain} "${text}")
  compress(${plain} ${plain}.gz)
  file(REMOVE ${plain})
endfunction()

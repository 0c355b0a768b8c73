# SPDX-License-Identifier: Apache-2.0
# Compiles through ccache where it is installed; a preset cannot say "if present".
find_program(NSTRAIL_CCACHE ccache)
mark_as_advanced(NSTRAIL_CCACHE)
if(NSTRAIL_CCACHE)
  foreach(language C CXX)
    if(NOT DEFINED CMAKE_${language}_COMPILER_LAUNCHER)
      set(CMAKE_${language}_COMPILER_LAUNCHER "${NSTRAIL_CCACHE}")
    endif()
  endforeach()
endif()

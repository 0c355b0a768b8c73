# SPDX-License-Identifier: Apache-2.0
# Profile-guided optimisation. scripts/profile builds what counts which parts run how often, runs the benchmarks
# that teach that, and leaves the counts in build/profile/counts. A build that shall use them does where they are
# there; where not, it is the same program, only slower.
set(profile_dir ${CMAKE_SOURCE_DIR}/build/profile)
if(NSTRAIL_PROFILE STREQUAL "count")
  # Names of files are those of objects, so that they fit a build in another folder.
  add_compile_options(-fprofile-generate=${profile_dir}/new -fprofile-prefix-path=${CMAKE_BINARY_DIR}
    -fprofile-update=atomic)
  add_link_options(-fprofile-generate=${profile_dir}/new)
elseif(NSTRAIL_PROFILE STREQUAL "use")
  # Its target has a name made of what it holds: with another profile all is compiled anew.
  file(REAL_PATH ${profile_dir}/counts counts)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${profile_dir})
  if(EXISTS ${counts})
    # What never ran is optimised as without a profile, and so is what was changed since.
    set(use -fprofile-use=${counts} -fprofile-prefix-path=${CMAKE_BINARY_DIR} -fprofile-partial-training
      -Wno-missing-profile -Wno-coverage-mismatch)
    add_compile_options(${use})
    add_link_options(${use})
    message(STATUS "optimised by what runs often: ${counts}")
  else()
    message(STATUS "not optimised by what runs often: scripts/profile finds that out")
  endif()
endif()

# For what every event passes through. Where it is known what runs often, more of it may be put in line: what an event
# takes is spread over many small functions, and a good part of it is calling them.
function(nstrail_inline_more target)
  if(NSTRAIL_PROFILE STREQUAL "use" AND EXISTS ${counts})
    foreach(limit inline-unit-growth=400 inline-min-speedup=1 max-inline-insns-auto=200 max-inline-insns-single=600
        large-function-insns=8000 large-function-growth=2000)
      target_compile_options(${target} PRIVATE "SHELL:--param ${limit}")
    endforeach()
  endif()
endfunction()

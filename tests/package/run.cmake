# SPDX-License-Identifier: Apache-2.0
# Installs the library below WORK, builds the consumer by the CMake package and by pkg-config, and compares what both
# print with what is expected.
#   cmake -D BUILD=… -D SOURCE=… -D WORK=… -D CXX=… -D LIBDIR=… -D FIXTURE=… -P run.cmake
file(REMOVE_RECURSE ${WORK})
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY OUTPUT_VARIABLE said)
  set(said "${said}" PARENT_SCOPE)
endfunction()
run(${CMAKE_COMMAND} --install ${BUILD} --component library --prefix ${WORK}/prefix)

file(GLOB_RECURSE headers ${WORK}/prefix/*.hpp ${WORK}/prefix/*.h)
foreach(header ${headers})
  file(STRINGS ${header} foreign REGEX "include.*(boost|nlohmann|bpf/|libbpf)")
  if(foreign)
    message(FATAL_ERROR "${header}: ${foreign}")
  endif()
endforeach()

run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/cmake -D CMAKE_PREFIX_PATH=${WORK}/prefix -D CMAKE_CXX_COMPILER=${CXX})
run(${CMAKE_COMMAND} --build ${WORK}/cmake)
run(${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${WORK}/prefix/${LIBDIR}/pkgconfig
  pkg-config --cflags --libs nstrail)
separate_arguments(flags UNIX_COMMAND "${said}")
run(${CXX} ${SOURCE}/consumer.cpp -o ${WORK}/consumer ${flags})

file(READ ${SOURCE}/consumer.expect expected)
foreach(consumer ${WORK}/cmake/consumer ${WORK}/consumer)
  run(${consumer} ${FIXTURE} 501)
  if(NOT said STREQUAL expected)
    message(FATAL_ERROR "${consumer} prints\n${said}instead of\n${expected}")
  endif()
endforeach()

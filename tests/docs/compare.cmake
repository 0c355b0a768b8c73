# SPDX-License-Identifier: Apache-2.0
# Fails unless `PROGRAM WHAT` prints what COMMITTED holds.
execute_process(COMMAND ${PROGRAM} ${WHAT} OUTPUT_VARIABLE generated RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ${WHAT} failed: ${status}")
endif()
set(committed "")
if(EXISTS ${COMMITTED})
  file(READ ${COMMITTED} committed)
endif()
if(NOT generated STREQUAL committed)
  message(FATAL_ERROR "${COMMITTED} is not what the declarations give. Renew it with\n"
    "  ${PROGRAM} ${WHAT} > ${COMMITTED}\nand commit it together with the declarations.")
endif()

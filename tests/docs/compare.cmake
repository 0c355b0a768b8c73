# SPDX-License-Identifier: Apache-2.0
# Fails unless `PROGRAM WHAT` prints what COMMITTED holds, or with WITHIN a part of it.
execute_process(COMMAND ${PROGRAM} ${WHAT} OUTPUT_VARIABLE generated RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ${WHAT} failed: ${status}")
endif()
set(committed "")
if(EXISTS ${COMMITTED})
  file(READ ${COMMITTED} committed)
endif()
if(WITHIN)
  string(FIND "${committed}" "${generated}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "${COMMITTED} does not hold what the declarations give. Put there what is printed by\n"
      "  ${PROGRAM} ${WHAT}\nand commit it together with the declarations.")
  endif()
elseif(NOT generated STREQUAL committed)
  message(FATAL_ERROR "${COMMITTED} is not what the declarations give. Renew it with\n"
    "  ${PROGRAM} ${WHAT} > ${COMMITTED}\nand commit it together with the declarations.")
endif()

# Runs one hazard and compares its outcome with the recorded one.
#
#     cmake -D NAME=... -D COMPILER=... -D RECORDED=... -P check.cmake -- COMMAND...
#
# RECORDED is works, broken or unknown.

set(command "")
set(past_dashes FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
    if(past_dashes)
        list(APPEND command "${CMAKE_ARGV${i}}")
    elseif("${CMAKE_ARGV${i}}" STREQUAL "--")
        set(past_dashes TRUE)
    endif()
endforeach()

execute_process(COMMAND ${command} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
if("${code}" STREQUAL "2")
    message(FATAL_ERROR "there is no hazard ${NAME}")
elseif("${code}" STREQUAL "0")
    set(outcome works)
else()
    set(outcome broken)
endif()

message(STATUS "${COMPILER}, ${NAME}: ${outcome} (recorded: ${RECORDED})")
if(NOT RECORDED STREQUAL "unknown" AND NOT outcome STREQUAL RECORDED)
    message(FATAL_ERROR "${NAME}: ${outcome}, but recorded as ${RECORDED}; if that is the "
        "compiler's doing, record it in tests/compiler/CMakeLists.txt\n${out}")
endif()

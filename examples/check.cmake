# Runs PROGRAM with what stands behind "--" and the file INPUT as its standard input, in an empty
# folder. It must exit with 0 and print what the file EXPECTED says. With a SERVER, that program is
# run beside it, for one client, and must exit with 0 too. With a SCRIPT, that runs both, and is
# told of a MATCHMAKER as well.

cmake_minimum_required(VERSION 3.25)
cmake_path(GET PROGRAM STEM noun)
string(RANDOM LENGTH 12 unique)
cmake_path(GET PROGRAM PARENT_PATH folder)
set(folder "${folder}/${noun}_${unique}")
file(MAKE_DIRECTORY "${folder}")
file(CHMOD "${folder}" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
set(arguments "")
set(behind FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
    if(behind)
        list(APPEND arguments "${CMAKE_ARGV${i}}")
    elseif(CMAKE_ARGV${i} STREQUAL "--")
        set(behind TRUE)
    endif()
endforeach()
if(NOT DEFINED INPUT)
    set(INPUT /dev/null)
endif()
set(beside "")
set(command "${PROGRAM}" ${arguments})
if(DEFINED SCRIPT)
    set(command "${SCRIPT}" "${MATCHMAKER}" "${SERVER}" "${PROGRAM}")
elseif(DEFINED SERVER)
    set(beside COMMAND "${SERVER}" --once)
endif()
execute_process(${beside} COMMAND ${command}
    INPUT_FILE "${INPUT}"
    WORKING_DIRECTORY "${folder}"
    OUTPUT_VARIABLE printed
    RESULTS_VARIABLE exited)
file(REMOVE_RECURSE "${folder}")
if(NOT exited MATCHES "^0(;0)?$")
    message(FATAL_ERROR "${noun} ended with ${exited}; it printed:\n${printed}")
endif()
if(NOT DEFINED EXPECTED)
    message("${printed}")
    return()
endif()
file(READ "${EXPECTED}" expected)
if(NOT printed STREQUAL expected)
    message(FATAL_ERROR "${noun} printed:\n${printed}\nwhere ${EXPECTED} says:\n${expected}")
endif()

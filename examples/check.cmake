# Runs PROGRAM with what stands behind "--" and the file INPUT as its standard input, in an empty
# folder. It must exit with 0 and print what the file EXPECTED says.

cmake_minimum_required(VERSION 3.25)
cmake_path(GET PROGRAM STEM noun)
string(RANDOM LENGTH 12 unique)
cmake_path(GET PROGRAM PARENT_PATH folder)
set(folder "${folder}/${noun}_${unique}")
file(MAKE_DIRECTORY "${folder}")
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
execute_process(COMMAND "${PROGRAM}" ${arguments}
    INPUT_FILE "${INPUT}"
    WORKING_DIRECTORY "${folder}"
    OUTPUT_VARIABLE printed
    RESULT_VARIABLE exited)
file(REMOVE_RECURSE "${folder}")
if(NOT exited EQUAL 0)
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

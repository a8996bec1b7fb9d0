# conduit_catch_cases(<program>): each Catch2 case of the program becomes one ctest case, each of
# its tags a label; with a sanitizer all cases of a source file become one. The program itself
# writes the list (tests/main.cpp), since it knows its names and ctest's quoting. A duplicate name
# fails the build.

function(conduit_catch_cases program)
    set(cases "${CMAKE_CURRENT_BINARY_DIR}/${program}_cases.cmake")
    set(write --write-ctest-cases)
    if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
        set(write --write-ctest-files)
    endif()
    add_custom_command(OUTPUT "${cases}"
        COMMAND ${program} ${write} "${cases}"
        DEPENDS ${program}
        COMMENT "Listing the cases of ${program}"
        VERBATIM)
    add_custom_target(${program}_cases ALL DEPENDS "${cases}")

    set(include "${CMAKE_CURRENT_BINARY_DIR}/${program}_include.cmake")
    file(CONFIGURE OUTPUT "${include}" @ONLY CONTENT [[
if(EXISTS "@cases@")
    include("@cases@")
else()
    add_test("@program@ is built" "@CMAKE_COMMAND@" -E false)
endif()
]])
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${include}")
endfunction()

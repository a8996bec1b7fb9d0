# conduit_check_awaits(<target>): refuses, before the target is compiled, those uses of co_await in
# its sources that g++ 12 miscompiles without a word. A source is looked at again when it changes.
#
#     add_executable(server main.cpp service.cpp)
#     target_link_libraries(server PRIVATE conduit::runtime)
#     conduit_check_awaits(server)
#
# A line with the comment `conduit: allow-await` is let through.

function(conduit_check_awaits target)
    # Later, so that sources added to the target after this call are seen.
    cmake_language(EVAL CODE
        "cmake_language(DEFER CALL conduit_check_awaits_of_sources [[${target}]])")
endfunction()

function(conduit_check_awaits_of_sources target)
    get_target_property(sources ${target} SOURCES)
    get_target_property(folder ${target} SOURCE_DIR)
    set(stamps "")
    foreach(source IN LISTS sources)
        if(NOT source MATCHES "\\.(c\\+\\+|cc|cpp|cxx|h|hh|hpp|hxx|ipp)$" OR source MATCHES "[$]<")
            continue()
        endif()
        cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${folder}" NORMALIZE)
        string(MD5 name "${source}")
        set(stamp "${CMAKE_CURRENT_BINARY_DIR}/check_awaits/${target}/${name}")
        add_custom_command(OUTPUT "${stamp}"
            COMMAND conduit::check_awaits "${source}"
            COMMAND "${CMAKE_COMMAND}" -E touch "${stamp}"
            DEPENDS "${source}" conduit::check_awaits
            COMMENT "Checking the awaits of ${source}"
            VERBATIM)
        list(APPEND stamps "${stamp}")
        file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/check_awaits/${target}")
    endforeach()
    add_custom_target(${target}_check_awaits DEPENDS ${stamps})
    add_dependencies(${target} ${target}_check_awaits)
endfunction()

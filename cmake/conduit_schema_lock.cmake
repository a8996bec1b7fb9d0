# conduit_schema_lock(<name> GOLDEN <file> HEADERS <header>... INTERFACES <class>...
#                     [LIBRARIES <target>...] [COMPLETE])
#
# Keeps interfaces as older programs know them: what they are is recorded in the golden file, which
# belongs into the repository, and a test says what a change would break.
#
#     conduit_schema_lock(shop GOLDEN shop.lock.json HEADERS shop.hpp INTERFACES shop::orders)
#
#     cmake --build . --target shop_update            makes the file, and records what is compatible
#     cmake --build . --target shop_update_force      records whatever is there now
#     ctest -R "schema lock shop"
#
# A header is a file of this folder, or else what stands between < and > for the LIBRARIES. Classes
# are named with their namespaces. With COMPLETE the test fails as well where something new is not
# recorded, for otherwise nothing keeps it.

function(conduit_schema_lock name)
    cmake_parse_arguments(PARSE_ARGV 1 lock "COMPLETE" "GOLDEN" "HEADERS;INTERFACES;LIBRARIES")
    if(NOT lock_GOLDEN OR NOT lock_HEADERS OR NOT lock_INTERFACES OR lock_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "conduit_schema_lock(${name}) wants GOLDEN <file>, HEADERS <header>... "
            "and INTERFACES <class>...; not known: '${lock_UNPARSED_ARGUMENTS}'")
    endif()
    cmake_path(ABSOLUTE_PATH lock_GOLDEN NORMALIZE)

    set(includes "")
    foreach(header IN LISTS lock_HEADERS)
        cmake_path(ABSOLUTE_PATH header NORMALIZE OUTPUT_VARIABLE file)
        if(EXISTS "${file}")
            string(APPEND includes "#include \"${file}\"\n")
        else()
            string(APPEND includes "#include <${header}>\n")
        endif()
    endforeach()
    list(TRANSFORM lock_INTERFACES REPLACE "(.+)" "        conduit::rpc::lock_of<\\1>()"
        OUTPUT_VARIABLE locks)
    list(JOIN locks ",\n" locks)

    set(program "${name}_schema_lock")
    set(source "${CMAKE_CURRENT_BINARY_DIR}/schema_lock/${name}.cpp")
    set(template "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/conduit_schema_lock.cpp.in")
    configure_file("${template}" "${source}" @ONLY)
    add_executable(${program} "${source}")
    target_link_libraries(${program} PRIVATE conduit::rpc ${lock_LIBRARIES})

    set(update "cmake --build ${CMAKE_BINARY_DIR} --target ${name}_update")
    set(strictness breaks)
    if(lock_COMPLETE)
        set(strictness complete)
    endif()
    add_test(NAME "schema lock ${name}: older programs understand what is there now"
        COMMAND ${program} check ${strictness} "${lock_GOLDEN}" "${update}")
    add_custom_target(${name}_update
        COMMAND ${program} update no "${lock_GOLDEN}" "${update}" VERBATIM)
    add_custom_target(${name}_update_force
        COMMAND ${program} update yes "${lock_GOLDEN}" "${update}" VERBATIM)
endfunction()

# conduit_layer(<name> [INSTALL_DETAIL] [PUBLIC <library>...] [PRIVATE <library>...]) makes a layer
# of its folder:
#
#   * the library conduit::<name>, from every source below the folder;
#   * the spelling <conduit/<name>/x.hpp>, by a link in the build tree;
#   * its installation: library, public headers (those directly in the folder) and export, and the
#     headers in its detail/ where public templates include them;
#   * conduit_<name>_headers, which compiles each public header alone.

include(GNUInstallDirs)

function(conduit_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 layer "INSTALL_DETAIL" "" "PUBLIC;PRIVATE")
    set(target conduit_${name})
    set(folder "${CMAKE_CURRENT_SOURCE_DIR}")
    set(build_include "${PROJECT_BINARY_DIR}/include")

    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/*.cpp")
    file(GLOB headers CONFIGURE_DEPENDS "${folder}/*.hpp")

    file(MAKE_DIRECTORY "${build_include}/conduit")
    file(CREATE_LINK "${folder}" "${build_include}/conduit/${name}" SYMBOLIC)

    add_library(${target} ${sources})
    add_library(conduit::${name} ALIAS ${target})
    conduit_compile(${target})
    if(CONDUIT_FUZZ)
        # The fuzzer sees which branches an input took; without one the counters go unread.
        target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    if(CONDUIT_COMPILE_TOGETHER)
        # Half the time. That each source includes what it needs shows in the other builds,
        # -Wshadow would see what is in other sources, and g++ takes each of these for a header.
        # tests/tidy/kernel_symbols_test.cpp has to tell the objects that may call the kernel.
        set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 12)
        target_compile_options(${target} PRIVATE -Wno-shadow
            $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
        set(alone ${sources})
        list(FILTER alone INCLUDE REGEX "/backend/|/resolver.cpp$")
        set_source_files_properties(${alone} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
    target_include_directories(${target} PUBLIC
        "$<BUILD_INTERFACE:${build_include}>"
        "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
    target_link_libraries(${target} PUBLIC ${layer_PUBLIC} PRIVATE ${layer_PRIVATE})
    set_target_properties(${target} PROPERTIES
        EXPORT_NAME ${name}
        POSITION_INDEPENDENT_CODE ON
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

    install(TARGETS ${target} EXPORT conduit-targets)
    install(FILES ${headers} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/conduit/${name}")
    if(layer_INSTALL_DETAIL)
        file(GLOB detail CONFIGURE_DEPENDS "${folder}/detail/*.hpp")
        install(FILES ${detail} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/conduit/${name}/detail")
    endif()
    set_property(GLOBAL APPEND PROPERTY CONDUIT_LAYERS ${name})

    conduit_compile_headers_alone(${name} ${headers})
endfunction()

# Each header gets a source of one line, so that a missing include fails by the header's name. A
# header that its own source includes first is compiled alone there.
function(conduit_compile_headers_alone name)
    set(sources "")
    foreach(header IN LISTS ARGN)
        cmake_path(GET header STEM LAST_ONLY noun)
        set(line "#include <conduit/${name}/${noun}.hpp>")
        cmake_path(REPLACE_EXTENSION header LAST_ONLY cpp OUTPUT_VARIABLE own_source)
        set(first_line "")
        if(EXISTS "${own_source}")
            file(STRINGS "${own_source}" first_line REGEX "^#" LIMIT_COUNT 1)
        endif()
        if(first_line STREQUAL line)
            continue()
        endif()
        set(source "${PROJECT_BINARY_DIR}/headers/${name}/${noun}.cpp")
        file(CONFIGURE OUTPUT "${source}" CONTENT "${line}\n")
        list(APPEND sources "${source}")
    endforeach()
    if(NOT sources)
        return()
    endif()
    add_library(conduit_${name}_headers OBJECT ${sources})
    conduit_compile(conduit_${name}_headers)
    target_link_libraries(conduit_${name}_headers PRIVATE conduit::${name})
    # One build is enough to tell, so those for the sanitizers leave it out.
    if(NOT (PROJECT_IS_TOP_LEVEL AND CONDUIT_BUILD_TESTS) OR CMAKE_CXX_FLAGS MATCHES "-fsanitize")
        set_target_properties(conduit_${name}_headers PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
endfunction()

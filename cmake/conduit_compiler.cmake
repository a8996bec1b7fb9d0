# What every target of this project is compiled with. Nothing here reaches a consumer.

if(PROJECT_IS_TOP_LEVEL)
    if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
        set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
    endif()
    set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

    # The sloppiness lets ccache see through the precompiled header of the tests.
    find_program(CONDUIT_CCACHE ccache)
    mark_as_advanced(CONDUIT_CCACHE)
    if(CONDUIT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
        set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
            CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
            "${CONDUIT_CCACHE}")
    endif()
endif()

# conduit_compile(<target>...): C++20 and the warnings, for our own targets only.
function(conduit_compile)
    foreach(target IN LISTS ARGN)
        target_compile_features(${target} PUBLIC cxx_std_20)
        set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
        target_compile_options(${target} PRIVATE
            -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
            -Woverloaded-virtual -Wsuggest-override -Wundef)
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
            # Below -O2 g++ turns symmetric transfer into a call, and a deep unwinding overflows
            # the stack (GCC PR 100897). This flag alone makes it a jump again.
            target_compile_options(${target} PRIVATE -foptimize-sibling-calls)
            if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
                # They warn of std::string's own code at -O2 (GCC PR 105329, 105651).
                target_compile_options(${target} PRIVATE
                    -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow)
            endif()
            if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache")
                target_compile_options(${target} PRIVATE -fpch-preprocess)
            endif()
        endif()
        if(BUILD_SHARED_LIBS)
            # The current scheduler and context are thread-local; this spares a call per access.
            target_compile_options(${target} PRIVATE -ftls-model=initial-exec)
        endif()
    endforeach()
endfunction()

# conduit_with_asio_coroutines(<target>): asio::awaitable, which Asio 1.22.1 has with g++ only: it
# looks for <experimental/coroutine> with clang. conduit/runtime/asio.hpp does without.
function(conduit_with_asio_coroutines target)
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
        target_compile_definitions(${target} PRIVATE ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1)
    endif()
endfunction()

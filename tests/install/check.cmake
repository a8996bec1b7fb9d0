# Builds and runs the consumer in one way. Called by ctest with -D WAY, SOURCE, BUILD, PREFIX, CXX,
# CXX_FLAGS and LAUNCHER; says the failing step's output.

function(step)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
    if(NOT code EQUAL 0)
        list(JOIN ARGN " " command)
        message(FATAL_ERROR "${command}\n${out}")
    endif()
    set(step_output "${out}" PARENT_SCOPE)
endfunction()

function(must_not_build)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
    if(code EQUAL 0 OR NOT out MATCHES "careless.cpp:[0-9]+: error: co_await in a condition")
        message(FATAL_ERROR "conduit_check_awaits() let a careless source through\n${out}")
    endif()
endfunction()

set(project "${SOURCE}/tests/install")
set(folder "${BUILD}/install/${WAY}")

if(WAY STREQUAL "prefix")
    file(REMOVE_RECURSE "${PREFIX}")
    step("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}")
elseif(WAY STREQUAL "pkg-config")
    file(MAKE_DIRECTORY "${folder}")
    file(GLOB pc_file "${PREFIX}/lib*/pkgconfig/conduit.pc" "${PREFIX}/lib/*/pkgconfig/conduit.pc")
    cmake_path(GET pc_file PARENT_PATH pc_folder)
    set(ENV{PKG_CONFIG_PATH} "${pc_folder}")
    step(pkg-config --cflags --libs conduit)
    separate_arguments(flags UNIX_COMMAND "${CXX_FLAGS} ${step_output}")
    step("${CXX}" -std=c++20 "${project}/main.cpp" -o "${folder}/consumer" ${flags})
    cmake_path(GET pc_folder PARENT_PATH library_folder)
    set(ENV{LD_LIBRARY_PATH} "${library_folder}")
    step("${folder}/consumer")
else()
    step("${CMAKE_COMMAND}" -S "${project}" -B "${folder}" -G Ninja
        "-DCONSUMER_WAY=${WAY}" "-DCONDUIT_SOURCE=${SOURCE}" "-DCMAKE_PREFIX_PATH=${PREFIX}"
        "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}"
        "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}")
    step("${CMAKE_COMMAND}" --build "${folder}" --target consumer)
    step("${folder}/consumer")
    must_not_build("${CMAKE_COMMAND}" --build "${folder}" --target careless)
endif()

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

# Runs one test of the project; `out` gets what it said, `code` how it ended.
function(run_lock name)
    execute_process(COMMAND "${CMAKE_CTEST_COMMAND}" --test-dir "${folder}" --verbose
        -R "schema lock ${name}:" RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
    set(code "${code}" PARENT_SCOPE)
    set(out "${out}" PARENT_SCOPE)
endfunction()

set(build "${CMAKE_COMMAND}" --build "${BUILD}/install/${WAY}" --target)

function(check_kept_lock)
    step(${build} kept_schema_lock)
    run_lock(kept)
    if(NOT code EQUAL 0 OR NOT out MATCHES "100% tests passed")
        message(FATAL_ERROR "a contract that is as recorded was refused\n${out}")
    endif()
endfunction()

function(check_other_locks)
    step(${build} broken_schema_lock fresh_schema_lock)
    run_lock(broken)
    if(code EQUAL 0 OR NOT out MATCHES
            "BREAKS shop.orders/place, parameter count: was u64, is u32" OR NOT out MATCHES
            "BREAKS shop.orders, enum size::large: was 2, is 1" OR NOT out MATCHES
            "--target broken_update_force")
        message(FATAL_ERROR "conduit_schema_lock() let a change through\n${out}")
    endif()
    execute_process(COMMAND ${build} broken_update
        RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
    if(code EQUAL 0 OR NOT out MATCHES "Nothing was recorded")
        message(FATAL_ERROR "what breaks was recorded without force\n${out}")
    endif()
    set(fresh "${folder}/fresh.lock.json")
    file(REMOVE "${fresh}")
    run_lock(fresh)
    if(code EQUAL 0 OR NOT out MATCHES "Nothing is recorded yet")
        message(FATAL_ERROR "a lock without a file passes\n${out}")
    endif()
    step(${build} fresh_update)
    step("${CMAKE_COMMAND}" -E compare_files "${fresh}" "${project}/kept.lock.json")
    file(COPY_FILE "${project}/broken.lock.json" "${fresh}")
    step(${build} fresh_update_force)
    step("${CMAKE_COMMAND}" -E compare_files "${fresh}" "${project}/kept.lock.json")
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
        "-DCONDUIT_COMPILE_TOGETHER=ON"
        "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}"
        "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}")
    step("${CMAKE_COMMAND}" --build "${folder}" --target consumer)
    step("${folder}/consumer")
    must_not_build("${CMAKE_COMMAND}" --build "${folder}" --target careless)
    # One way is enough for what does not depend on it; the other would build the rpc layer anew.
    if(WAY STREQUAL "package")
        check_kept_lock()
        check_other_locks()
    endif()
endif()

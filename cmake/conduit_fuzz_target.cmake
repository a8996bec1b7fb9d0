# conduit_fuzz_target(<name> [SOURCES <source>...] [LIBRARIES <library>...]) makes the program
# <name> of <name>.cpp, which defines LLVMFuzzerTestOneInput(), and of further sources. With
# CONDUIT_FUZZ, which the preset asan sets, the program is libFuzzer's and scripts/fuzz.sh runs it;
# in every other build, with any compiler, it replays the files it is given (replay.cpp).
#
# In all builds ctest replays corpus/<name>/, which must hold at least one file, as the case
# "<name> corpus" with the label `fuzz`.
#
# conduit_fuzz_canary(<name> ...) makes a program with a planted bug, which the fuzzer must find. It
# exists in a build with CONDUIT_FUZZ only, and its corpus, if any, is where the fuzzer starts.

set(CONDUIT_FUZZ_FOLDER "${CMAKE_CURRENT_SOURCE_DIR}")

function(conduit_fuzz_program name)
    cmake_parse_arguments(PARSE_ARGV 1 fuzz "" "" "SOURCES;LIBRARIES")
    set(sources "${CONDUIT_FUZZ_FOLDER}/${name}.cpp" ${fuzz_SOURCES})
    if(NOT CONDUIT_FUZZ)
        list(APPEND sources "${CONDUIT_FUZZ_FOLDER}/replay.cpp")
    endif()
    add_executable(${name} ${sources})
    conduit_compile(${name})
    target_link_libraries(${name} PRIVATE ${fuzz_LIBRARIES})
    if(CONDUIT_FUZZ)
        target_compile_options(${name} PRIVATE -fsanitize=fuzzer -O1)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    endif()
endfunction()

function(conduit_fuzz_target name)
    conduit_fuzz_program(${name} ${ARGN})
    set(corpus "${CONDUIT_FUZZ_FOLDER}/corpus/${name}")
    file(GLOB inputs CONFIGURE_DEPENDS "${corpus}/*")
    if(NOT inputs)
        message(FATAL_ERROR "${name} needs a corpus to start from: at least one file in ${corpus}")
    endif()
    add_test(NAME "${name} corpus" COMMAND ${name} $<$<BOOL:${CONDUIT_FUZZ}>:-runs=0> "${corpus}"
        COMMAND_EXPAND_LISTS)
    set_tests_properties("${name} corpus" PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()

function(conduit_fuzz_canary name)
    if(CONDUIT_FUZZ)
        conduit_fuzz_program(${name} ${ARGN})
    endif()
endfunction()

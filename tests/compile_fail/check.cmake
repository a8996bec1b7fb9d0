# Compiles PROGRAM twice: with -DFIXED it must pass, without it must fail with the words that its
# line "// refused: regular expression" expects.

file(STRINGS "${PROGRAM}" expected LIMIT_COUNT 1 REGEX "^// refused: ")
string(REGEX REPLACE "^// refused: " "" expected "${expected}")
set(compile "${CXX}" -std=c++20 -fsyntax-only -Wall -Wextra -Werror "-I${INCLUDE}" "${PROGRAM}")

execute_process(COMMAND ${compile} -DFIXED RESULT_VARIABLE fixed ERROR_VARIABLE said)
if(NOT fixed EQUAL 0)
    message(FATAL_ERROR "it must compile with -DFIXED:\n${said}")
endif()

execute_process(COMMAND ${compile} RESULT_VARIABLE broken ERROR_VARIABLE said)
if(broken EQUAL 0)
    message(FATAL_ERROR "it must not compile")
endif()
if(NOT said MATCHES "${expected}")
    message(FATAL_ERROR "it must be refused with \"${expected}\", but the compiler says:\n${said}")
endif()

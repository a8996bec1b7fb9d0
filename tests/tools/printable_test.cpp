// SPDX-License-Identifier: BSL-1.0
#include "../../tools/conduit/printable.hpp"

#include "../../tools/conduit/json_of.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace conduit::tool;

TEST_CASE("what could steer a terminal is spelled out", "[tools][hostile]") {
    CHECK(printable("plain, \\ too") == "plain, \\ too");
    CHECK(printable("\033[2J") == "\\x1b[2J");
    CHECK(printable("a\r\nb\tc\x7f") == "a\\x0d\\nb\\tc\\x7f");
    CHECK(printable(std::string(1, '\0')) == "\\x00");
    CHECK(printable("\xc2\x9b"
                    "2J") == "\\u{009b}2J");  // CSI in one character
    CHECK(printable("\xe2\x80\xae"
                    "gpj.exe") == "\\u{202e}gpj.exe");  // right to left
    CHECK(printable("\xef\xbb\xbf") == "\\u{feff}");
    CHECK(printable("\xf3\xa0\x81\x81") == "\\u{e0041}");  // a tag, which nobody sees
}

TEST_CASE("text in other scripts stays as it is", "[tools]") {
    CHECK(printable("gr\xc3\xbc\xc3\x9f dich") == "gr\xc3\xbc\xc3\x9f dich");
    CHECK(printable("\xf0\x9f\x9a\xb0") == "\xf0\x9f\x9a\xb0");
    CHECK(width_of("gr\xc3\xbc\xc3\x9f") == 4);
}

TEST_CASE("bytes that are not UTF-8 are spelled out", "[tools][hostile]") {
    CHECK(printable("\xff") == "\\xff");
    CHECK(printable("\xc3") == "\\xc3");
    CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");           // overlong
    CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
    CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
}

TEST_CASE("several lines keep their ends and nothing else", "[tools][hostile]") {
    CHECK(printable_lines("a\n\033b\n") == "a\n\\x1bb\n");
    CHECK(printable_lines("a") == "a");
    CHECK(printable_lines("").empty());
}

TEST_CASE("JSON stays JSON of the same value", "[tools][hostile]") {
    CHECK(printable_json("\"\xc2\x9b\x7f\"") == "\"\\u009b\\u007f\"");
    CHECK(printable_json("\"\xf3\xa0\x81\x81\"") == "\"\\udb40\\udc41\"");
    CHECK(printable_json("\"\xff\"") == "\"\\ufffd\"");
}

namespace {

struct sample {
    std::string name;
    int number = 0;
};

}  // namespace

TEST_CASE("structs are printed by their members", "[tools]") {
    CHECK(json_of(sample{"\033\xe2\x80\xae", -3}) == R"({"name": "\u001b\u202e", "number": -3})");
}

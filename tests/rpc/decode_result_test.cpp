// SPDX-License-Identifier: BSL-1.0
//
// What decoding says of itself: its cost, or a sentence with the place, the limit and both sizes.

#include <conduit/rpc/decode_result.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <string>

using namespace conduit::rpc;

namespace {

std::string text_of(decode_errc code, std::string path = "list[2].name") {
    auto failure = std::make_unique<decode_failure>();
    failure->code = code;
    failure->what = "a string";
    failure->wanted = 70;
    failure->limit = 60;
    failure->offset = 5;
    failure->path = std::move(path);
    const decode_result result(std::move(failure));
    CHECK_FALSE(result);
    CHECK(result.code() == code);
    CHECK(result.output_bytes() == 0);
    return result.text();
}

}  // namespace

TEST_CASE("a successful decoding says what it cost", "[rpc][codec]") {
    const decode_result result(123);
    CHECK(result);
    CHECK(result.output_bytes() == 123);
    CHECK(result.code() == decode_errc::none);
    CHECK(result.failure() == nullptr);
    CHECK(result.text().empty());
}

TEST_CASE("a failed decoding says where, what, the limit and both sizes", "[rpc][codec]") {
    CHECK(text_of(decode_errc::truncated) ==
          "list[2].name: a string takes 70 bytes, but only 60 follow (at byte 5)");
    CHECK(text_of(decode_errc::truncated, "") ==
          "a string takes 70 bytes, but only 60 follow (at byte 5)");
    CHECK(text_of(decode_errc::bad_flag, "x") == "x: a string is 70, neither 0 nor 1 (at byte 5)");
    CHECK(text_of(decode_errc::bad_alternative, "x") ==
          "x: a string says alternative 70, but there are 60 (at byte 5)");
    CHECK(text_of(decode_errc::bad_key, "x") ==
          "x: a string at position 70 of 60 is there already, or is NaN (at byte 5)");
    CHECK(text_of(decode_errc::colliding_keys, "x") ==
          "x: a string compares its keys 70 times, more than the 60 of keys not made for it "
          "(at byte 5)");
    CHECK(text_of(decode_errc::bad_value, "x") ==
          "x: a string does not take this value (at byte 5)");
    CHECK(text_of(decode_errc::bad_handle, "x") ==
          "x: a string has number 70, but 60 came, each to be used once (at byte 5)");
    CHECK(text_of(decode_errc::surplus_handles, "") ==
          "70 handles came, but the fields took 60 (at byte 5)");
    CHECK(text_of(decode_errc::too_much_output, "x") ==
          "x: a string brings the output to 70 bytes, but the limit is 60 (at byte 5)");
    CHECK(text_of(decode_errc::too_many_elements, "x") ==
          "x: a string brings the elements to 70, but the limit is 60 (at byte 5)");
    CHECK(text_of(decode_errc::too_deep, "x") ==
          "x: a string lies 70 deep, but the limit is 60 (at byte 5)");
}

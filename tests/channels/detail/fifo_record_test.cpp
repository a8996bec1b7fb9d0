// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/fifo_record.hpp>
#include <conduit/runtime/io_message.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <vector>

using namespace conduit;

namespace {

std::vector<std::byte> encoded(std::string_view text) {
    std::vector<std::byte> bytes(record_bytes_max);
    bytes.resize(encode_record(bytes_of(text), bytes));
    return bytes;
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("the checksum of records is CRC-32C", "[channels][fifo][record]") {
    REQUIRE(crc32c(bytes_of("123456789")) == 0xe3069283);
    REQUIRE(crc32c({}) == 0);
    const std::array<std::byte, 32> zeros{};
    REQUIRE(crc32c(zeros) == 0x8a9136aa);  // RFC 3720 B.4
    REQUIRE(crc32c(bytes_of("56789"), crc32c(bytes_of("1234"))) == 0xe3069283);
}

TEST_CASE("a record is laid out byte by byte as documented", "[channels][fifo][record]") {
    const auto bytes = encoded("ab");
    REQUIRE(bytes.size() == 10);
    REQUIRE(bytes[0] == std::byte{0xc5});
    REQUIRE(bytes[1] == std::byte{0x1f});
    REQUIRE(bytes[2] == std::byte{2});
    REQUIRE(bytes[3] == std::byte{0});
    const std::uint32_t checksum = crc32c(bytes_of(std::string_view("\2\0ab", 4)));
    for (std::size_t i = 0; i < 4; ++i) {
        REQUIRE(bytes[4 + i] == static_cast<std::byte>(checksum >> (8 * i)));
    }
    REQUIRE(text_of(std::span(bytes).subspan(8)) == "ab");
}

TEST_CASE("a record is whole, incomplete or garbage", "[channels][fifo][record]") {
    const std::string text = GENERATE(std::string(), std::string("x"), std::string(300, 'y'),
                                      std::string(record_payload_max, 'z'));
    auto bytes = encoded(text);
    const auto whole = look_at_front(bytes);
    REQUIRE(whole.what == record_front::kind::whole);
    REQUIRE(text_of(whole.payload) == text);
    for (std::size_t n = 1; n < bytes.size(); n += 1 + n / 7) {
        INFO(n << " of " << bytes.size() << " bytes");
        REQUIRE(look_at_front(std::span(bytes).first(n)).what == record_front::kind::incomplete);
    }
    for (std::size_t at = 0; at < bytes.size(); at += 1 + at / 7) {
        INFO("a bit of byte " << at);
        bytes[at] ^= std::byte{0x10};
        REQUIRE(look_at_front(bytes).what != record_front::kind::whole);
        bytes[at] ^= std::byte{0x10};
    }
}

TEST_CASE("a length beyond the limit is garbage at once", "[channels][fifo][record]") {
    const std::array<std::byte, 8> header{std::byte{0xc5}, std::byte{0x1f}, std::byte{0xf9},
                                          std::byte{0x0f}};  // 4089
    REQUIRE(look_at_front(header).what == record_front::kind::garbage);
}

TEST_CASE("the search for the next record leaves no possible one out", "[channels][fifo][record]") {
    auto bytes = encoded("one");
    const auto next = encoded("two");
    bytes.pop_back();
    const std::size_t cut = bytes.size();
    bytes.insert(bytes.end(), next.begin(), next.end());
    std::size_t at = 0;
    while (at < cut) at += bytes_to_next_record(std::span(bytes).subspan(at));
    REQUIRE(at == cut);
    REQUIRE(look_at_front(std::span(bytes).subspan(at)).what == record_front::kind::whole);
    REQUIRE(bytes_to_next_record(bytes_of("abc")) == 3);
}

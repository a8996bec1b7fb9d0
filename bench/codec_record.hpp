// SPDX-License-Identifier: BSL-1.0
//
// The record that codec_bench.cpp and its floor, raw/hand_codec.cpp, turn into bytes and back.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

struct item {
    std::uint32_t number = 0;
    std::string name;
    double weight = 0;
    bool operator==(const item&) const = default;
};

struct record {
    std::uint64_t id = 0;
    std::string name;
    std::vector<std::uint32_t> numbers;
    std::vector<item> items;
    std::optional<std::string> note;
    bool urgent = false;
    bool operator==(const record&) const = default;
};

/// 22 characters, 16 numbers, 8 items, 46 characters more.
inline record sample_record() {
    record made;
    made.id = 0x0123'4567'89ab'cdef;
    made.name = "a name of 22 letters..";
    for (std::uint32_t i = 0; i < 16; ++i) made.numbers.push_back(i * 1'000'003);
    for (std::uint32_t i = 0; i < 8; ++i) {
        made.items.push_back({i, "item " + std::to_string(i * 37), i * 0.5});
    }
    made.note = "a note of forty-six letters, none in its place";
    made.urgent = true;
    return made;
}

/// The floors, as somebody writes them by hand for this one record and the same bytes.
std::size_t hand_size(const record& value);
void hand_encode(std::byte* to, const record& value);
bool hand_decode(const std::byte* at, const std::byte* end, record& into);

// SPDX-License-Identifier: BSL-1.0
//
// The floor of the codec: an encoder and a decoder written by hand for one record, with the same
// bytes and every length checked, but no limits beyond them and no word on what was wrong. Nothing
// of conduit is included here.

#include "../codec_record.hpp"

#include <cstring>

namespace {

template <class T>
std::byte* put(std::byte* to, T value) {
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

std::byte* put_string(std::byte* to, const std::string& text) {
    to = put(to, static_cast<std::uint32_t>(text.size()));
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
}

/// What is left to read.
struct reader {
    const std::byte* at;
    const std::byte* end;

    std::size_t left() const { return static_cast<std::size_t>(end - at); }

    template <class T>
    bool get(T& into) {
        if (left() < sizeof into) return false;
        std::memcpy(&into, at, sizeof into);
        at += sizeof into;
        return true;
    }
    bool get_flag(bool& into) {
        std::uint8_t byte = 0;
        if (!get(byte) || byte > 1) return false;
        into = byte == 1;
        return true;
    }
    bool get_string(std::string& into) {
        std::uint32_t size = 0;
        if (!get(size) || size > left()) return false;
        into.assign(static_cast<const char*>(static_cast<const void*>(at)), size);
        at += size;
        return true;
    }
};

bool decode_item(reader& in, item& into) {
    std::uint32_t length = 0;
    if (!in.get(length) || length > in.left()) return false;
    reader inside{in.at, in.at + length};
    in.at += length;
    return inside.get(into.number) && inside.get_string(into.name) && inside.get(into.weight);
}

bool decode_numbers(reader& in, std::vector<std::uint32_t>& into) {
    std::uint32_t count = 0;
    if (!in.get(count) || count > in.left() / 4) return false;
    into.resize(count);
    if (count != 0) std::memcpy(into.data(), in.at, count * std::size_t{4});
    in.at += count * std::size_t{4};
    return true;
}

bool decode_items(reader& in, std::vector<item>& into) {
    std::uint32_t count = 0;
    if (!in.get(count) || count > in.left() / 4) return false;
    into.resize(count);
    for (item& each : into) {
        if (!decode_item(in, each)) return false;
    }
    return true;
}

bool decode_note(reader& in, std::optional<std::string>& into) {
    bool present = false;
    if (!in.get_flag(present)) return false;
    return !present || in.get_string(into.emplace());
}

}  // namespace

std::size_t hand_size(const record& value) {
    std::size_t size = 4 + 8 + 4 + value.name.size() + 4 + value.numbers.size() * 4 + 4;
    for (const item& each : value.items) size += 4 + 4 + 4 + each.name.size() + 8;
    return size + (value.note ? 1 + 4 + value.note->size() : 1) + 1;
}

void hand_encode(std::byte* to, const record& value) {
    std::byte* const begin = to;
    to = put(to + 4, value.id);
    to = put_string(to, value.name);
    to = put(to, static_cast<std::uint32_t>(value.numbers.size()));
    std::memcpy(to, value.numbers.data(), value.numbers.size() * 4);
    to += value.numbers.size() * 4;
    to = put(to, static_cast<std::uint32_t>(value.items.size()));
    for (const item& each : value.items) {
        to = put(to, static_cast<std::uint32_t>(4 + 4 + each.name.size() + 8));
        to = put(to, each.number);
        to = put_string(to, each.name);
        to = put(to, each.weight);
    }
    to = put(to, static_cast<std::uint8_t>(value.note.has_value()));
    if (value.note) to = put_string(to, *value.note);
    to = put(to, static_cast<std::uint8_t>(value.urgent));
    put(begin, static_cast<std::uint32_t>(to - begin - 4));
}

bool hand_decode(const std::byte* at, const std::byte* end, record& into) {
    reader all{at, end};
    std::uint32_t length = 0;
    if (!all.get(length) || length > all.left()) return false;
    reader in{all.at, all.at + length};
    return in.get(into.id) && in.get_string(into.name) && decode_numbers(in, into.numbers) &&
           decode_items(in, into.items) && decode_note(in, into.note) && in.get_flag(into.urgent);
}

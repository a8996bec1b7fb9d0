// SPDX-License-Identifier: BSL-1.0
//
// Values to bytes: first their exact size, then the bytes, written once. codec_reader.hpp is the
// way back; docs/reference/encoding.md has the bytes of each kind.

#pragma once

#include <conduit/rpc/detail/codec_kind.hpp>
#include <conduit/rpc/detail/nanoseconds.hpp>
#include <conduit/runtime/assert.hpp>

#include <bit>
#include <cstring>
#include <limits>

namespace conduit::rpc::detail {

static_assert(std::endian::native == std::endian::little,
              "conduit: the codec copies scalars as they are, for little-endian machines");

/// What an empty unique_fd is on the wire.
inline constexpr std::uint32_t no_handle = 0xffff'ffff;

// --- sizes --------------------------------------------------------------------------------------

template <class T>
std::size_t size_of(const T& value);

template <class... T>
std::size_t size_of_all(const T&... values) {
    return (std::size_t{0} + ... + size_of(values));
}

template <class Range>
std::size_t size_of_elements(const Range& range) {
    constexpr std::size_t each = fixed_size<typename Range::value_type>();
    if constexpr (each != varying) {
        return each * range.size();
    } else {
        std::size_t sum = 0;
        for (const auto& element : range) sum += size_of(element);
        return sum;
    }
}

template <class T>
std::size_t size_of(const T& value) {
    constexpr kind is = kind_of<T>;
    if constexpr (fixed_size<T>() != varying) {
        return fixed_size<T>();
    } else if constexpr (is == kind::string || is == kind::bits) {
        return 4 + value.size();
    } else if constexpr (is == kind::block || is == kind::vector || is == kind::list ||
                         is == kind::map || is == kind::set) {
        return 4 + size_of_elements(value);
    } else if constexpr (is == kind::array) {
        return size_of_elements(value);
    } else if constexpr (is == kind::optional) {
        return value ? 1 + size_of(*value) : 1;
    } else if constexpr (is == kind::variant) {
        return 1 + std::visit([](const auto& held) { return size_of(held); }, value);
    } else if constexpr (is == kind::tuple) {
        return std::apply([](const auto&... each) { return size_of_all(each...); }, value);
    } else if constexpr (is == kind::structure) {
        return 4 + with_fields(value, [](const auto&... each) { return size_of_all(each...); });
    } else {
        static_assert(is == kind::represented);
        static_assert(!has_handles_v<T>,
                      "conduit: a representation with handles must have a fixed size on the wire");
        return size_of(representation<T>::to_wire(value));
    }
}

// --- bytes --------------------------------------------------------------------------------------

/// Where handles go when there are none.
struct no_handles {};

template <class T>
[[gnu::always_inline]] inline std::byte* put(std::byte* to, T scalar) {
    std::memcpy(to, &scalar, sizeof scalar);
    return to + sizeof scalar;
}

[[gnu::always_inline]] inline std::byte* put_count(std::byte* to, std::size_t count) {
    CONDUIT_ASSERT(count <= std::numeric_limits<std::uint32_t>::max(),
                   "a container with more than 2^32-1 elements cannot be encoded");
    return put(to, static_cast<std::uint32_t>(count));
}

[[gnu::always_inline]] inline std::byte* put_block(std::byte* to, const void* from,
                                                   std::size_t bytes) {
    if (bytes != 0) std::memcpy(to, from, bytes);
    return to + bytes;
}

template <class Handles>
std::byte* put_handle(std::byte* to, Handles& handles, unique_fd& handle) {
    if (!handle.is_open()) return put(to, no_handle);
    to = put_count(to, handles.size());
    handles.push_back(std::move(handle));
    return to;
}

template <class Handles, class T>
std::byte* write(std::byte* to, Handles& handles, T& value);

template <class Handles, class... T>
[[gnu::always_inline]] inline std::byte* write_all_of(std::byte* to,
                                                      [[maybe_unused]] Handles& handles,
                                                      T&... values) {
    ((to = write(to, handles, values)), ...);
    return to;
}

template <class Handles, class Range>
std::byte* write_elements(std::byte* to, Handles& handles, Range& range) {
    for (auto& element : range) to = write(to, handles, element);
    return to;
}

// The length is known once the members are written.
template <class Handles, class T>
std::byte* write_structure(std::byte* to, Handles& handles, T& value) {
    std::byte* const first = to + 4;
    std::byte* const end =
        with_fields(value, [&](auto&... each) { return write_all_of(first, handles, each...); });
    put_count(to, static_cast<std::size_t>(end - first));
    return end;
}

template <class Handles, class T>
std::byte* write_container(std::byte* to, Handles& handles, T& value) {
    constexpr kind is = kind_of<std::remove_const_t<T>>;
    to = put_count(to, value.size());
    if constexpr (is == kind::string) {
        return put_block(to, value.data(), value.size());
    } else if constexpr (is == kind::block) {
        return put_block(to, value.data(), value.size() * sizeof(typename T::value_type));
    } else if constexpr (is == kind::bits) {
        for (const bool each : value) to = put(to, static_cast<std::uint8_t>(each));
        return to;
    } else if constexpr (is == kind::map) {
        for (auto& [key, mapped] : value) to = write_all_of(to, handles, key, mapped);
        return to;
    } else {
        return write_elements(to, handles, value);
    }
}

template <class Handles, class T>
std::byte* write_represented(std::byte* to, Handles& handles, T& value) {
    auto wire = representation<std::remove_const_t<T>>::to_wire(value);
    return write(to, handles, wire);
}

/// Writes exactly size_of(value) bytes; yields the place behind them.
template <class Handles, class T>
std::byte* write(std::byte* to, Handles& handles, T& value) {
    constexpr kind is = kind_of<std::remove_const_t<T>>;
    if constexpr (is == kind::boolean) {
        return put(to, static_cast<std::uint8_t>(value));
    } else if constexpr (is == kind::scalar) {
        return put(to, value);
    } else if constexpr (is == kind::duration) {
        return put(to, to_nanoseconds(value));
    } else if constexpr (is == kind::time) {
        return put(to, to_nanoseconds(value.time_since_epoch()));
    } else if constexpr (is == kind::handle) {
        return put_handle(to, handles, value);
    } else if constexpr (is == kind::structure) {
        return write_structure(to, handles, value);
    } else if constexpr (is == kind::represented) {
        return write_represented(to, handles, value);
    } else if constexpr (is == kind::array) {
        return write_elements(to, handles, value);
    } else if constexpr (is == kind::tuple) {
        if constexpr (std::is_same_v<std::remove_const_t<T>, std::monostate>) {
            return to;
        } else {
            return std::apply([&](auto&... each) { return write_all_of(to, handles, each...); },
                              value);
        }
    } else if constexpr (is == kind::optional) {
        to = put(to, static_cast<std::uint8_t>(value.has_value()));
        return value ? write(to, handles, *value) : to;
    } else if constexpr (is == kind::variant) {
        CONDUIT_ASSERT(!value.valueless_by_exception(), "a variant without a value is encoded");
        to = put(to, static_cast<std::uint8_t>(value.index()));
        return std::visit([&](auto& held) { return write(to, handles, held); }, value);
    } else {
        return write_container(to, handles, value);
    }
}

}  // namespace conduit::rpc::detail

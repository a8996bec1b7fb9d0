// SPDX-License-Identifier: BSL-1.0
//
// Bytes to values. Whatever the bytes are, decoding ends with a value within the limits or with a
// failure that says where: it neither throws (but for memory that the system itself has not got)
// nor asserts. codec_writer.hpp is the way out; docs/reference/encoding.md has the bytes.
//
// A read function is called with at least least_size<T>() bytes between `at` and `end`. It yields
// the place behind the value, or null once the state knows the failure.

#pragma once

#include <conduit/rpc/detail/codec_kind.hpp>
#include <conduit/rpc/detail/codec_writer.hpp>
#include <conduit/rpc/detail/decode_state.hpp>
#include <conduit/rpc/detail/nanoseconds.hpp>

namespace conduit::rpc::detail {

template <class T>
inline const std::byte* read(decode_state& state, const std::byte* at, const std::byte* end,
                             T& into);

inline std::size_t between(const std::byte* at, const std::byte* end) noexcept {
    return static_cast<std::size_t>(end - at);
}

template <class T>
[[gnu::always_inline]] inline T get(const std::byte* at) {
    T scalar;
    std::memcpy(&scalar, at, sizeof scalar);
    return scalar;
}

/// Of these types every object may be read as some (C++20 [basic.lval] §11.3).
template <class T>
inline constexpr bool may_alias_bytes =
    std::is_same_v<T, std::byte> || std::is_same_v<T, char> || std::is_same_v<T, unsigned char>;

template <class Char>
    requires may_alias_bytes<Char>
const Char* chars_at(const std::byte* at) {
    const void* const memory = at;
    return static_cast<const Char*>(memory);
}

/// The noun of an error message.
template <class T>
constexpr std::string_view noun_of() {
    switch (kind_of<T>) {
        case kind::refused: break;
        case kind::boolean: return "a bool";
        case kind::scalar: return "a number";
        case kind::string: return "a string";
        case kind::block: return "a vector of scalars";
        case kind::bits: return "a vector of bools";
        case kind::vector: return "a vector";
        case kind::list: return "a list";
        case kind::array: return "an array";
        case kind::map: return "a map";
        case kind::set: return "a set";
        case kind::optional: return "an optional";
        case kind::variant: return "a variant";
        case kind::tuple: return "a tuple";
        case kind::structure: return "a struct";
        case kind::duration: return "a duration";
        case kind::time: return "a time";
        case kind::handle: return "a handle";
        case kind::represented: return "a represented type";
    }
    return "a value";
}

/// Like read(), when nobody has looked yet whether there are bytes enough.
template <class T>
[[gnu::always_inline]] inline const std::byte* read_next(decode_state& state, const std::byte* at,
                                                         const std::byte* end, T& into) {
    constexpr std::size_t least = least_size<T>();
    if constexpr (least != 0) {
        if (between(at, end) < least) [[unlikely]] {
            return state.truncated(at, least, between(at, end), noun_of<T>());
        }
    }
    return read(state, at, end, into);
}

// --- structs ------------------------------------------------------------------------------------

/// Where the name of a field comes from; only a failure asks.
template <class T>
struct names_of_struct {
    template <std::size_t I>
    static consteval std::string_view name() {
        return field_name<T, I>();
    }
};

// A struct may end before any of its fields: then whoever wrote it did not know of the rest.
template <class Names, std::size_t I, class T>
[[gnu::cold, gnu::noinline]] bool is_missing(decode_state& state, const std::byte* at,
                                             const std::byte* end) {
    if (at == end) return true;
    state.truncated(at, least_size<T>(), between(at, end), noun_of<T>());
    state.in_field(Names::template name<I>());
    return false;
}

template <class Names, std::size_t I>
[[gnu::cold, gnu::noinline]] bool failed_in(decode_state& state) {
    state.in_field(Names::template name<I>());
    return false;
}

template <class Names, std::size_t I, class T>
[[gnu::always_inline]] inline bool read_field(decode_state& state, const std::byte*& at,
                                              const std::byte* end, T& into) {
    constexpr std::size_t least = least_size<T>();
    if (between(at, end) < (least != 0 ? least : 1)) [[unlikely]] {
        return is_missing<Names, I, T>(state, at, end);
    }
    at = read(state, at, end, into);
    if (at == nullptr) [[unlikely]]
        return failed_in<Names, I>(state);
    return true;
}

template <class Names, std::size_t... I, class... T>
[[gnu::always_inline]] inline bool read_fields([[maybe_unused]] decode_state& state,
                                               [[maybe_unused]] const std::byte* at,
                                               [[maybe_unused]] const std::byte* end,
                                               std::index_sequence<I...>, T&... into) {
    return (read_field<Names, I>(state, at, end, into) && ...);
}

template <class T>
inline const std::byte* read_structure(decode_state& state, const std::byte* at,
                                       const std::byte* end, T& into) {
    const auto length = get<std::uint32_t>(at);
    if (length > between(at, end) - 4) [[unlikely]] {
        return state.truncated(at, length, between(at, end) - 4, "a struct");
    }
    if constexpr (is_recursive_v<T>) {
        if (!state.enter(at)) [[unlikely]]
            return nullptr;
    }
    const std::byte* const stop = at + 4 + length;
    const bool good = with_fields(into, [&](auto&... field) __attribute__((always_inline)) {
        return read_fields<names_of_struct<T>>(
            state, at + 4, stop, std::make_index_sequence<sizeof...(field)>(), field...);
    });
    if (!good) [[unlikely]]
        return nullptr;
    if constexpr (is_recursive_v<T>) state.leave();
    return stop;
}

// --- containers ---------------------------------------------------------------------------------

template <class T, std::size_t LeastEach>
[[gnu::cold, gnu::noinline]] const std::byte* too_many(decode_state& state, const std::byte* at,
                                                       const std::byte* end) {
    const std::uint64_t count = get<std::uint32_t>(at);
    return state.truncated(at, count * LeastEach, between(at, end) - 4, noun_of<T>());
}

// A count of elements, once it is known that there are bytes for them; null in `at` otherwise.
template <class T, std::size_t LeastEach>
[[gnu::always_inline]] inline std::size_t read_count(decode_state& state, const std::byte*& at,
                                                     const std::byte* end) {
    const std::size_t count = get<std::uint32_t>(at);
    if constexpr (LeastEach != 0) {
        if (count > (between(at, end) - 4) / LeastEach) [[unlikely]] {
            at = too_many<T, LeastEach>(state, at, end);
            return 0;
        }
    }
    at += 4;
    return count;
}

template <class T>
[[gnu::always_inline]] inline const std::byte* read_string(decode_state& state, const std::byte* at,
                                                           const std::byte* end, T& into) {
    const std::size_t count = read_count<T, 1>(state, at, end);
    if (at == nullptr) [[unlikely]]
        return nullptr;
    // Short ones need no memory of their own; longer ones grow from there, at least twofold.
    constexpr std::size_t inside = 15;
    if (count > inside && !state.charge(count + inside + 1, at - 4, noun_of<T>())) return nullptr;
    into.assign(chars_at<typename T::value_type>(at), count);
    return at + count;
}

template <class T>
inline const std::byte* read_block(decode_state& state, const std::byte* at, const std::byte* end,
                                   T& into) {
    using element = typename T::value_type;
    const std::size_t count = read_count<T, sizeof(element)>(state, at, end);
    if (at == nullptr) [[unlikely]]
        return nullptr;
    if (count == 0) {
        into.clear();
        return at;
    }
    const std::size_t bytes = count * sizeof(element);
    if (!state.charge(bytes, at - 4, noun_of<T>())) [[unlikely]]
        return nullptr;
    if constexpr (may_alias_bytes<element>) {
        into.assign(chars_at<element>(at), chars_at<element>(at) + count);
    } else {
        into.resize(count);
        std::memcpy(into.data(), at, bytes);
    }
    return at + bytes;
}

template <class T>
const std::byte* read_bits(decode_state& state, const std::byte* at, const std::byte* end,
                           T& into) {
    const std::size_t count = read_count<T, 1>(state, at, end);
    if (at == nullptr) [[unlikely]]
        return nullptr;
    if (count != 0 && !state.charge(count / 8 + 8, at - 4, noun_of<T>())) return nullptr;
    into.assign(count, false);
    for (std::size_t i = 0; i < count; ++i, ++at) {
        const auto value = get<std::uint8_t>(at);
        if (value > 1) [[unlikely]] {
            state.fail(decode_errc::bad_flag, at, "a bool", value);
            return state.in_element(i);
        }
        into[i] = value == 1;
    }
    return at;
}

template <class Range>
[[gnu::always_inline]] inline const std::byte* read_elements(decode_state& state,
                                                             const std::byte* at,
                                                             const std::byte* end, Range& into) {
    std::size_t index = 0;
    for (auto& element : into) {
        at = read_next(state, at, end, element);
        if (at == nullptr) [[unlikely]]
            return state.in_element(index);
        ++index;
    }
    return at;
}

template <class T>
inline const std::byte* read_sequence(decode_state& state, const std::byte* at,
                                      const std::byte* end, T& into) {
    using element = typename T::value_type;
    const std::size_t count = read_count<T, least_size<element>()>(state, at, end);
    if (at == nullptr) [[unlikely]]
        return nullptr;
    constexpr std::size_t node = block_size(sizeof(element) + 2 * sizeof(void*));
    constexpr std::size_t each = kind_of<T> == kind::list ? node : sizeof(element);
    if (!state.charge_elements(count, each, at - 4, noun_of<T>())) [[unlikely]]
        return nullptr;
    into.clear();
    into.resize(count);
    return read_elements(state, at, end, into);
}

// --- keys ---------------------------------------------------------------------------------------

template <class T>
concept hashed = requires(const T& container) { container.bucket_count(); };

/// What a node takes: the value with the links and the colour of a tree, or with a link, a hash and
/// a share of the buckets.
template <class T>
inline constexpr std::size_t node_size = block_size(sizeof(T) + (4 * sizeof(void*)));

/// How often the keys of one container may meet others in their bucket: a few times each is usual.
constexpr std::size_t comparisons_max(std::size_t count) { return 4096 + 16 * count; }

/// Adds up how many keys share a bucket with each that comes. Whoever knows the hash function can
/// make keys that all meet in one, and then each of them is compared with all.
template <class T>
class collisions {
public:
    /// False once they are too many.
    bool add(const T& into, const typename T::key_type& key, std::size_t count) {
        if constexpr (hashed<T>) {
            met_ += into.bucket_size(into.bucket(key));
            return met_ <= comparisons_max(count);
        }
        return true;
    }
    std::size_t met() const noexcept { return met_; }

private:
    std::size_t met_ = 0;
};

template <class T>
[[nodiscard]] bool may_be_key(const T& value) {
    if constexpr (std::is_floating_point_v<T>) return value == value;
    return true;
}

template <class T>
const std::byte* read_entry(decode_state& state, const std::byte* at, const std::byte* end, T& into,
                            std::size_t index, std::size_t count, collisions<T>& collided) {
    const std::byte* const begin = at;
    typename T::key_type key{};
    at = read_next(state, at, end, key);
    if (at == nullptr) [[unlikely]]
        return nullptr;
    const bool is_key = may_be_key(key);
    if (!collided.add(into, key, count)) [[unlikely]] {
        state.fail(decode_errc::colliding_keys, begin, noun_of<T>(), collided.met(),
                   comparisons_max(count));
        return nullptr;
    }
    const std::size_t before = into.size();
    if constexpr (kind_of<T> == kind::map) {
        typename T::mapped_type mapped{};
        at = read_next(state, at, end, mapped);
        if (at == nullptr) [[unlikely]]
            return nullptr;
        if (is_key) into.emplace_hint(into.end(), std::move(key), std::move(mapped));
    } else {
        if (is_key) into.emplace_hint(into.end(), std::move(key));
    }
    if (into.size() == before) [[unlikely]] {
        state.fail(decode_errc::bad_key, begin, "a key", index, count);
        return nullptr;
    }
    return at;
}

template <class T>
constexpr std::size_t least_entry() {
    return []<class... P>(type_list<P...>) { return (least_size<P>() + ...); }(parts_of<T>());
}

template <class T>
const std::byte* read_keyed(decode_state& state, const std::byte* at, const std::byte* end,
                            T& into) {
    const std::size_t count = read_count<T, least_entry<T>()>(state, at, end);
    if (at == nullptr) [[unlikely]]
        return nullptr;
    constexpr std::size_t each = node_size<typename T::value_type>;
    if (!state.charge_elements(count, each, at - 4, noun_of<T>())) [[unlikely]]
        return nullptr;
    into.clear();
    if constexpr (hashed<T>) {
        if (count != 0) into.reserve(count);  // even for none it would take memory
    }
    collisions<T> collided;
    for (std::size_t i = 0; i < count; ++i) {
        at = read_entry(state, at, end, into, i, count, collided);
        if (at == nullptr) [[unlikely]]
            return state.in_element(i);
    }
    return at;
}

// --- one of several -----------------------------------------------------------------------------

template <class T>
inline const std::byte* read_optional(decode_state& state, const std::byte* at,
                                      const std::byte* end, T& into) {
    const auto present = get<std::uint8_t>(at);
    if (present > 1) [[unlikely]] {
        state.fail(decode_errc::bad_flag, at, "the presence of an optional", present);
        return nullptr;
    }
    if (present == 1) return read_next(state, at + 1, end, into.emplace());
    into.reset();
    return at + 1;
}

template <class T, std::size_t I = 0>
[[gnu::always_inline]] inline const std::byte* read_alternative(decode_state& state,
                                                                const std::byte* at,
                                                                const std::byte* end,
                                                                std::size_t index, T& into) {
    if constexpr (I == std::variant_size_v<T>) {
        state.fail(decode_errc::bad_alternative, at - 1, "a variant", index, I);
        return nullptr;
    } else {
        if (index == I) return read_next(state, at, end, into.template emplace<I>());
        return read_alternative<T, I + 1>(state, at, end, index, into);
    }
}

template <class T>
const std::byte* read_represented(decode_state& state, const std::byte* at, const std::byte* end,
                                  T& into) {
    const std::byte* const begin = at;
    if (!state.enter(at)) [[unlikely]]
        return nullptr;
    typename representation<T>::type wire{};
    at = read(state, at, end, wire);
    if (at == nullptr) [[unlikely]]
        return nullptr;
    state.leave();
    std::optional<T> made = representation<T>::from_wire(std::move(wire));
    if (!made) [[unlikely]] {
        state.fail(decode_errc::bad_value, begin, "the receiving type");
        return nullptr;
    }
    into = std::move(*made);
    return at;
}

inline const std::byte* read_handle(decode_state& state, const std::byte* at, unique_fd& into) {
    const auto number = get<std::uint32_t>(at);
    if (number == no_handle) {
        into.reset();
        return at + 4;
    }
    return state.take_handle(number, into, at) ? at + 4 : nullptr;
}

template <std::size_t... I, class T>
const std::byte* read_members([[maybe_unused]] decode_state& state, const std::byte* at,
                              [[maybe_unused]] const std::byte* end, std::index_sequence<I...>,
                              [[maybe_unused]] T& into) {
    [[maybe_unused]] const auto next = [&](std::size_t index, auto& element) {
        at = read_next(state, at, end, element);
        if (at == nullptr) [[unlikely]]
            state.in_element(index);
        return at != nullptr;
    };
    return (next(I, std::get<I>(into)) && ...) ? at : nullptr;
}

template <class T>
inline const std::byte* read_tuple(decode_state& state, const std::byte* at, const std::byte* end,
                                   T& into) {
    if constexpr (std::is_same_v<T, std::monostate>) {
        return at;
    } else {
        using all = std::make_index_sequence<std::tuple_size_v<T>>;
        return read_members(state, at, end, all(), into);
    }
}

// --- all ----------------------------------------------------------------------------------------

template <class T>
[[gnu::always_inline]] inline const std::byte* read_scalar(decode_state& state, const std::byte* at,
                                                           T& into) {
    constexpr kind is = kind_of<T>;
    if constexpr (is == kind::boolean) {
        const auto value = get<std::uint8_t>(at);
        if (value > 1) [[unlikely]] {
            state.fail(decode_errc::bad_flag, at, "a bool", value);
            return nullptr;
        }
        into = value == 1;
    } else if constexpr (is == kind::scalar) {
        into = get<T>(at);
    } else if constexpr (is == kind::duration) {
        into = from_nanoseconds<T>(get<std::int64_t>(at));
    } else {
        into = T(from_nanoseconds<typename T::duration>(get<std::int64_t>(at)));
    }
    return at + fixed_size<T>();
}

template <class T>
inline const std::byte* read(decode_state& state, const std::byte* at, const std::byte* end,
                             T& into) {
    constexpr kind is = kind_of<T>;
    if constexpr (is == kind::boolean || is == kind::scalar || is == kind::duration ||
                  is == kind::time) {
        return read_scalar(state, at, into);
    } else if constexpr (is == kind::string) {
        return read_string(state, at, end, into);
    } else if constexpr (is == kind::block) {
        return read_block(state, at, end, into);
    } else if constexpr (is == kind::bits) {
        return read_bits(state, at, end, into);
    } else if constexpr (is == kind::vector || is == kind::list) {
        return read_sequence(state, at, end, into);
    } else if constexpr (is == kind::map || is == kind::set) {
        return read_keyed(state, at, end, into);
    } else if constexpr (is == kind::array) {
        return read_elements(state, at, end, into);
    } else if constexpr (is == kind::tuple) {
        return read_tuple(state, at, end, into);
    } else if constexpr (is == kind::structure) {
        return read_structure(state, at, end, into);
    } else if constexpr (is == kind::optional) {
        return read_optional(state, at, end, into);
    } else if constexpr (is == kind::variant) {
        return read_alternative(state, at + 1, end, get<std::uint8_t>(at), into);
    } else if constexpr (is == kind::handle) {
        return read_handle(state, at, into);
    } else {
        return read_represented(state, at, end, into);
    }
}

}  // namespace conduit::rpc::detail

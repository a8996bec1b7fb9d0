// SPDX-License-Identifier: BSL-1.0
//
// Values as bytes, and bytes as values again. Structs with public members need no macro and no
// registration. For text that people read use json.hpp; for the shape of a type as data use
// schema.hpp.
//
//     struct entry { std::uint64_t id = 0; std::string name; std::optional<std::string> note; };
//
//     std::vector<std::byte> bytes(rpc::encoded_size(first, second));
//     rpc::encode_fields(bytes.data(), first, second);
//     auto decoded = rpc::decode_fields(bytes, rpc::decode_limits::for_message(bytes.size()), {},
//                                       first_again, second_again);
//     if (!decoded) log(decoded.text());
//
// What may be sent: bool, integers, float and double, enums, std::string, vectors, arrays, lists,
// maps and sets, optional, variant, tuple and pair, durations and times of the system clock,
// unique_fd, and structs of at most 32 such members. Another type says in a representation<T> what
// it is sent as. docs/reference/encoding.md has the bytes.
//
// A struct may get more members at its end, and only there: a reader that does not know them skips
// them, and one that knows more keeps its defaults. So a field list (the parameters of a call, its
// reply, an item of a stream) may be appended to.

#pragma once

#include <conduit/rpc/decode_limits.hpp>
#include <conduit/rpc/decode_result.hpp>
#include <conduit/rpc/detail/codec_reader.hpp>
#include <conduit/rpc/detail/codec_writer.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace conduit::rpc {

/// To be specialised for a type that is no struct: what it is sent as, and how to come by either.
///
///     template <>
///     struct conduit::rpc::representation<money> {
///         using type = std::int64_t;
///         static type to_wire(const money& value) { return value.cents(); }
///         static std::optional<money> from_wire(type cents);  // nullopt: refused
///     };
///
/// The type must be default-constructible and movable. One that gives up a handle has a
/// representation of fixed size and `to_wire(T&)`, which is called once.
template <class T>
struct representation;

/// Whether values of the type can be sent and received.
template <class T>
concept codable = detail::is_codable_v<T>;

/// The same as a static_assert with a sentence: true, or an error at the part that cannot be sent.
template <class T>
consteval bool require_codable() {
    return detail::require_codable<T>();
}

/// Whether a unique_fd is anywhere in the type, so that it goes over Unix sockets only.
template <class T>
inline constexpr bool contains_handles_v = detail::has_handles_v<T>;

/// The handles that travel beside the bytes of a message.
using handle_list = std::vector<unique_fd>;

/// How many bytes the fields take: exactly that many are written.
template <class... T>
[[nodiscard]] std::size_t encoded_size(const T&... fields) {
    static_assert((require_codable<T>() && ...));
    return detail::size_of_all(fields...);
}

/// Writes encoded_size(fields...) bytes, fewer than 4 GiB, and moves the handles in them to the end
/// of `handles`. An empty unique_fd arrives as an empty one.
template <class... T>
    requires(!std::is_const_v<T> && ...)
void encode_fields(std::byte* to, handle_list& handles, T&... fields) {
    static_assert((require_codable<T>() && ...));
    detail::write_all_of(to, handles, fields...);
}

/// The same for fields without handles, which stay as they are.
template <class... T>
void encode_fields(std::byte* to, const T&... fields) {
    static_assert((require_codable<T>() && ...));
    static_assert((!contains_handles_v<T> && ...),
                  "conduit: a unique_fd is moved out; pass a handle_list and fields that can be "
                  "changed");
    detail::no_handles none;
    detail::write_all_of(to, none, fields...);
}

namespace detail {

struct names_of_list {
    template <std::size_t I>
    static constexpr std::string_view name() {
        constexpr std::string_view digits =
            "0123456789101112131415161718192021222324252627282930"
            "31323334353637383940";
        return I < 10 ? digits.substr(I, 1) : digits.substr(10 + (I - 10) * 2, 2);
    }
};

}  // namespace detail

/// Fills in the fields, which must be as freshly made: those that the bytes end before keep what
/// they hold, and bytes behind the last one are skipped. The handles must be open; each must be
/// taken by one field.
///
/// After a failure the fields hold parts, to be thrown away with the handles that they took.
template <class... T>
decode_result decode_fields(std::span<const std::byte> bytes, const decode_limits& limits,
                            std::span<unique_fd> handles, T&... fields) {
    static_assert((require_codable<T>() && ...));
    detail::decode_state state(bytes, limits, handles);
    const std::byte* const end = bytes.data() + bytes.size();
    const bool good = detail::read_fields<detail::names_of_list>(
        state, bytes.data(), end, std::index_sequence_for<T...>(), fields...);
    return state.finish(good, end);
}

}  // namespace conduit::rpc

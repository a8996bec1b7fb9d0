// SPDX-License-Identifier: BSL-1.0
//
// Keeps a contract as others know it: what its interfaces were is recorded in a file, and a change
// that older programs would not understand is found before it is released. The CMake function
// conduit_schema_lock() makes the program and the test; this is what they are made of. What a
// running server offers is in describe.hpp.
//
//     const std::vector<rpc::locked_interface> now{rpc::lock_of<calculator>()};
//     const std::string recorded = rpc::to_lock_text(now);
//     ...                                                 // later, with what the headers say then
//     auto was = rpc::parse_lock(recorded);
//     for (const auto& change : rpc::changes_between(*was, now)) to_string(change);

#pragma once

#include <conduit/rpc/describe.hpp>
#include <conduit/rpc/detail/enum_list.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conduit::rpc {

/// An enum somewhere in the types of an interface.
struct locked_enum {
    struct value {
        std::string name;
        std::int64_t number = 0;

        bool operator==(const value&) const = default;
    };
    std::string name;  // without namespaces
    std::string type;  // "u8"
    std::vector<value> values;

    bool operator==(const locked_enum&) const = default;
};

/// An interface, with what its description leaves out.
struct locked_interface {
    interface_description what;
    /// Those with a fixed underlying type, and of their values those from -128 to 255 and powers of
    /// two: others cannot be found by the compiler. Which field has which of them is not recorded.
    std::vector<locked_enum> enums;

    bool operator==(const locked_interface&) const = default;
};

namespace detail {
locked_interface make_lock(const interface_row& row);
}

/// As this program knows it.
template <class Interface>
locked_interface lock_of() {
    static_assert(detail::require_interface<Interface>());
    static constexpr interface_row row{detail::interface_of<Interface>::conduit_name,
                                       detail::rows<Interface, detail::purpose::locking>};
    return detail::make_lock(row);
}

/// One difference between what was recorded and what is.
struct schema_change {
    bool breaks = false;  // older programs do not understand it, or it them
    std::string where;    // "demo.calculator.v1/add, parameter lhs"
    std::string was;      // empty: it was not there
    std::string is;       // empty: it is gone
    std::string advice;   // what to do instead, in a sentence; where it breaks something

    bool operator==(const schema_change&) const = default;
};

/// "demo.calculator.v1/add, parameter lhs: was f64, is f32", and the advice on a line of its own.
std::string to_string(const schema_change& change);

/// All of them, those that break something first. Each side must be able to talk to the other,
/// whichever of them is older, in bytes and by names:
///
/// * Interfaces and methods are added; none goes or gets another name.
/// * Parameters and members of structs are appended, without handles in them; alternatives are
///   appended to variants, which older readers must not get to see.
/// * Enums get more values; none goes, or gets another name or number.
/// * Methods list more errors, become idempotent, and get other texts and deadlines.
/// * Unnamed parameters get names.
///
/// Everything else breaks. That a list became a set is not seen in bytes, and is refused all the
/// same: one side would send what the other does not take.
std::vector<schema_change> changes_between(const std::vector<locked_interface>& was,
                                           const std::vector<locked_interface>& is);

/// The text of a lock file: JSON, one type to a line, for people to review.
std::string to_lock_text(const std::vector<locked_interface>& interfaces);
/// Reads it again, or says in a sentence what is wrong with it.
converted<std::vector<locked_interface>> parse_lock(std::string_view text);

/// What is to be said of a lock file, and done with it.
struct lock_verdict {
    bool passes = false;
    std::string text;                     // what to tell people, in lines
    std::optional<std::string> new_file;  // to be written where the file was

    bool operator==(const lock_verdict&) const = default;
};

/// How the file is compared with what is now.
enum class lock_strictness : std::uint8_t {
    breaks,    // what breaks something does not pass
    complete,  // nor does what is not recorded
};

/// For the test. `recorded` is the file's text; nothing where there is no file. `update` is the
/// command that records, for people.
lock_verdict check_lock(const std::optional<std::string>& recorded,
                        const std::vector<locked_interface>& now, lock_strictness strictness,
                        std::string_view update);

/// Whether changes are recorded that break something.
enum class lock_force : std::uint8_t { no, yes };

/// Records what is now. `update_force` is the command that does it whatever breaks, for people.
lock_verdict update_lock(const std::optional<std::string>& recorded,
                         const std::vector<locked_interface>& now, lock_force force,
                         std::string_view update_force);

}  // namespace conduit::rpc

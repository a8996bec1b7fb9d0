// SPDX-License-Identifier: BSL-1.0
//
// Durations of any unit as the wire has them: nanoseconds in 64 bits. What does not fit saturates,
// and the two ends of the wire's range become the ends of the receiver's: hours::max() goes through
// the wire and comes out as hours::max().

#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

namespace conduit::rpc::detail {

inline constexpr std::int64_t forever = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t since_ever = std::numeric_limits<std::int64_t>::min();

/// Rounds towards zero; saturates; NaN is 0.
template <class R, class P>
constexpr std::int64_t to_nanoseconds(std::chrono::duration<R, P> value) {
    using unit = std::ratio_divide<P, std::nano>;
    if constexpr (std::is_floating_point_v<R>) {
        const long double scaled = static_cast<long double>(value.count()) * unit::num / unit::den;
        if (!(scaled == scaled)) return 0;
        if (scaled >= static_cast<long double>(forever)) return forever;
        if (scaled <= static_cast<long double>(since_ever)) return since_ever;
        return static_cast<std::int64_t>(scaled);
    } else {
        __extension__ using wide = __int128;
        const wide scaled = static_cast<wide>(value.count()) * unit::num / unit::den;
        if (scaled >= forever) return forever;
        if (scaled <= since_ever) return since_ever;
        return static_cast<std::int64_t>(scaled);
    }
}

/// Rounds towards zero; saturates.
template <class Duration>
constexpr Duration from_nanoseconds(std::int64_t nanoseconds) {
    using rep = typename Duration::rep;
    using unit = std::ratio_divide<typename Duration::period, std::nano>;
    if (nanoseconds == forever) return Duration::max();
    if (nanoseconds == since_ever) return Duration::min();
    if constexpr (std::is_floating_point_v<rep>) {
        return Duration(
            static_cast<rep>(static_cast<long double>(nanoseconds) * unit::den / unit::num));
    } else {
        __extension__ using wide = __int128;
        const wide scaled = static_cast<wide>(nanoseconds) * unit::den / unit::num;
        if (scaled >= static_cast<wide>(Duration::max().count())) return Duration::max();
        if (scaled <= static_cast<wide>(Duration::min().count())) return Duration::min();
        return Duration(static_cast<rep>(scaled));
    }
}

}  // namespace conduit::rpc::detail

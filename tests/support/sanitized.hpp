// SPDX-License-Identifier: BSL-1.0
//
// Whether this is a sanitizer's build: for what is only many times the same, where a sanitizer has
// seen all there is to see in a part of the time.

#pragma once

namespace conduit::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif
#else
inline constexpr bool is_sanitized = false;
#endif

}  // namespace conduit::test

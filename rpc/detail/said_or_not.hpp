// SPDX-License-Identifier: BSL-1.0
//
// Words for what must happen even where there is no memory to say why: text is made by a function,
// and without memory for it something short stands there instead.
//
//     go_down(goaway_reason::shutdown, said_or_not([&] { return break_text(why); }));
//     fail(failure_or_bare(status::cancelled, [&] { return name + ": the call was cancelled"; }));

#pragma once

#include <conduit/rpc/fault.hpp>

#include <exception>
#include <string>

namespace conduit::rpc::detail {

/// Short enough to need no memory.
inline constexpr const char* no_memory_text = "no memory";

template <class Text>
std::string said_or_not(const Text& text) noexcept {
    try {
        return text();
    } catch (...) {
        return no_memory_text;
    }
}

/// A fault for whoever waits; without memory for its text one that has none.
template <class Text>
std::exception_ptr failure_or_bare(status code, const Text& text, bool may_have_run = true,
                                   bool idempotent = false) noexcept {
    try {
        return std::make_exception_ptr(fault(code, text()).ran(may_have_run, idempotent));
    } catch (...) {
        return std::make_exception_ptr(fault(code, std::string()).ran(may_have_run, idempotent));
    }
}

}  // namespace conduit::rpc::detail

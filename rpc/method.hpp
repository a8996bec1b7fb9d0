// SPDX-License-Identifier: BSL-1.0
//
// What is to be known of a method beyond its signature. It stands beside the contract, in the same
// header and namespace, and is found by its argument; see interface.hpp for the contract itself.
//
//     struct no_space { std::uint64_t wanted = 0, left = 0; };
//
//     constexpr auto conduit_methods(conduit::rpc::contract<kv>) {
//         using conduit::rpc::method;
//         return conduit::rpc::methods(
//             method<&kv::get>().idempotent().deadline(2s).text("The value of a key."),
//             method<&kv::put>().throws<no_space>());
//     }

#pragma once

#include <conduit/runtime/clock.hpp>

#include <string_view>
#include <type_traits>

namespace conduit::rpc {

/// Stands for an interface where there is no object of it.
template <class Interface>
struct contract {};

/// The attributes of one method. Each setter returns them, to be chained.
template <auto Method, class... Errors>
class method {
    static_assert(std::is_member_function_pointer_v<decltype(Method)>,
                  "conduit: attributes belong to a method: method<&kv::get>()");

public:
    static constexpr auto pointer = Method;

    constexpr method() noexcept = default;

    /// Calling it twice does no more than calling it once: a failed call may be tried again.
    constexpr method idempotent() const noexcept {
        method changed = *this;
        changed.idempotent_ = true;
        return changed;
    }
    /// How long callers wait who do not have a shorter deadline of their own.
    constexpr method deadline(clock::duration limit) const noexcept {
        method changed = *this;
        changed.deadline_ = limit;
        return changed;
    }
    /// Served also where server_options::calls_max() is reached or the queue stands: short, and
    /// needed most then.
    constexpr method essential() const noexcept {
        method changed = *this;
        changed.essential_ = true;
        return changed;
    }
    /// What it does, for people; a literal.
    constexpr method text(std::string_view words) const noexcept {
        method changed = *this;
        changed.text_ = words;
        return changed;
    }
    /// The release in which it was added; a literal.
    constexpr method since(std::string_view version) const noexcept {
        method changed = *this;
        changed.since_ = version;
        return changed;
    }
    /// What it may throw and callers then catch as the same type: structs that can be sent. They
    /// are known by their names without namespaces. Anything else arrives as a fault.
    template <class... More>
    constexpr method<Method, Errors..., More...> throws() const noexcept {
        return method<Method, Errors..., More...>(*this);
    }

    constexpr bool is_idempotent() const noexcept { return idempotent_; }
    constexpr bool is_essential() const noexcept { return essential_; }
    constexpr clock::duration deadline() const noexcept { return deadline_; }
    constexpr std::string_view text() const noexcept { return text_; }
    constexpr std::string_view since() const noexcept { return since_; }

private:
    template <auto, class...>
    friend class method;

    template <class... Fewer>
    explicit constexpr method(const method<Method, Fewer...>& from) noexcept
        : deadline_(from.deadline_),
          text_(from.text_),
          since_(from.since_),
          idempotent_(from.idempotent_),
          essential_(from.essential_) {}

    clock::duration deadline_ = clock::duration::max();
    std::string_view text_;
    std::string_view since_;
    bool idempotent_ = false;
    bool essential_ = false;
};

/// The attributes of several methods of one interface.
template <class... Method>
class methods : public Method... {
public:
    explicit constexpr methods(Method... each) noexcept : Method(each)... {}
};

}  // namespace conduit::rpc

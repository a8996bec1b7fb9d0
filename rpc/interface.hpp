// SPDX-License-Identifier: BSL-1.0
//
// A contract between processes: an abstract class whose methods return tasks and streams, and one
// line beside it that names it on the wire and lists them. What is to be known beyond signatures
// (idempotent, deadlines, errors, texts) stands in method.hpp; who offers an object writes
// service_table.hpp or server.hpp, who finds one connect.hpp.
//
//     class calculator {
//     public:
//         virtual ~calculator() = default;
//         virtual conduit::task<double> add(double lhs, double rhs) = 0;
//         virtual conduit::stream<std::uint64_t> primes(std::uint64_t limit) = 0;
//         virtual conduit::task<double> mean(conduit::stream<double> samples) = 0;
//     };
//     CONDUIT_INTERFACE(calculator, "demo.calculator.v1", (add, lhs, rhs), (primes, limit), mean)
//
//     conduit::rpc::stub<calculator> there(peer);         // is a calculator, in another process
//     double three = co_await there.add(1, 2);

#pragma once

#include <conduit/rpc/caller.hpp>
#include <conduit/rpc/detail/interface_macros.hpp>
#include <conduit/rpc/detail/rows.hpp>
#include <conduit/rpc/detail/stub_calls.hpp>
#include <conduit/rpc/method.hpp>
#include <conduit/rpc/service_table.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace conduit::rpc {

namespace detail {

/// The end of the chain of classes, one for each method, that a stub derives from.
template <class Interface>
class stub_root : public Interface {
public:
    static constexpr std::size_t conduit_index = 0;

    explicit stub_root(caller& through) noexcept : conduit_caller_(&through) {}

protected:
    template <class R, std::size_t Index, class... A>
    R conduit_call(A&&... arguments) {
        constexpr const method_row& row = rows<Interface, purpose::calling>[Index];
        return call_method < R, row.deadline != clock::duration::max() > (*conduit_caller_, row,
                                                                          std::move(arguments)...);
    }

private:
    caller* conduit_caller_;
};

template <class Interface>
struct stub_chain {
    static_assert(require_interface<Interface>());
    using type = typename interface_of<Interface>::conduit_stub;
};
template <class Interface>
using stub_base = typename stub_chain<Interface>::type;

}  // namespace detail

/// An object in another process: its methods are calls through a connection.
///
/// A method's task throws rpc::fault where the other side or the way there failed, and the errors
/// that the method lists; try_call.hpp makes a value of the former. A stop request or a deadline of
/// the awaiting task ends the call here at once, and is told to the other side. A stream belongs to
/// the context in which its method was called; within(d, s.next()) bounds one wait and leaves it
/// usable. Destroying a task or stream that has not ended cancels the call.
///
/// It is as cheap as a pointer to the caller, which must outlive it, its tasks and its streams. Any
/// number of calls may be under way. Where the class can be copied, so can the stub.
template <class Interface>
class stub final : public detail::stub_base<Interface> {
public:
    explicit stub(caller& through) noexcept : detail::stub_base<Interface>(through) {}
};

/// What CONDUIT_INTERFACE says of an interface, with the code that serves it.
template <class Interface>
const interface_row& row_of() {
    static_assert(detail::require_interface<Interface>());
    static constexpr interface_row row{detail::interface_of<Interface>::conduit_name,
                                       detail::rows<Interface, detail::purpose::serving>};
    return row;
}

}  // namespace conduit::rpc

/// Makes an interface of an abstract class. It stands in the namespace of the class, behind it, and
/// is given the plain name of the class, its name on the wire (1 to 128 of a-z 0-9 . _ -) and its
/// methods, each as `add` or with the names of its parameters, `(add, lhs, rhs)`; at most 64. The
/// order is free. Names on the wire are forever: a changed method gets a new one.
///
/// Methods return task<T>, task<void>, task<rpc::one_way> or stream<T>. Parameters are values; one
/// of them may be a stream. More parameters may be appended later: who does not know them skips
/// them, and who misses them finds them default-made.
// clang-format off
#define CONDUIT_INTERFACE(Interface, name, ...)                                                    \
    struct conduit_interface_##Interface {                                                         \
        using conduit_contract = Interface;                                                        \
        [[maybe_unused]] static constexpr ::std::string_view conduit_name = name;                  \
        [[maybe_unused]] static constexpr ::std::string_view conduit_methods[] = {                 \
            "" __VA_OPT__(CONDUIT_RPC_EACH(CONDUIT_RPC_COMMA_NAME, ~, ~, __VA_ARGS__))};           \
        static_assert(::conduit::rpc::detail::is_interface_name(name),                             \
                      "conduit: the name of " #Interface                                           \
                      " on the wire is 1 to 128 characters of a-z 0-9 . _ -");                     \
        static_assert(::conduit::rpc::detail::all_different(conduit_methods),                      \
                      "conduit: CONDUIT_INTERFACE lists a method of " #Interface " twice");        \
        using conduit_stub_conduit_root = ::conduit::rpc::detail::stub_root<Interface>;            \
        __VA_OPT__(CONDUIT_RPC_EACH(CONDUIT_RPC_LINK, ~, conduit_root, __VA_ARGS__))               \
        using conduit_stub = CONDUIT_RPC_STUB(                                                     \
            CONDUIT_RPC_LAST(conduit_root __VA_OPT__(, ) __VA_ARGS__));                            \
        static_assert(!::std::is_abstract_v<conduit_stub> __VA_OPT__(                              \
                          CONDUIT_RPC_EACH(CONDUIT_RPC_OR_UNCLEAR, ~, ~, __VA_ARGS__)),            \
                      "conduit: a pure virtual method of " #Interface                              \
                      " is not listed in CONDUIT_INTERFACE");                                      \
        template <auto Method>                                                                     \
        static constexpr bool conduit_lists = false __VA_OPT__(                                    \
            CONDUIT_RPC_EACH(CONDUIT_RPC_OR_SAME, ~, ~, __VA_ARGS__));                             \
        template <::conduit::rpc::detail::purpose Purpose>                                         \
        static constexpr auto conduit_rows() {                                                     \
            return ::std::array<::conduit::rpc::detail::method_row,                                \
                                conduit_stub::conduit_index>{                                      \
                {__VA_OPT__(CONDUIT_RPC_EACH(CONDUIT_RPC_ROW, name, ~, __VA_ARGS__))}};            \
        }                                                                                          \
    };                                                                                             \
    [[maybe_unused]] constexpr conduit_interface_##Interface conduit_interface_of(                 \
        ::conduit::rpc::contract<Interface>) noexcept {                                            \
        return {};                                                                                 \
    }
// clang-format on

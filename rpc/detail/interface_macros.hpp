// SPDX-License-Identifier: BSL-1.0
//
// The preprocessor's part of CONDUIT_INTERFACE. Plain lists rather than recursion by rescanning:
// they cost next to nothing to preprocess, and what a compiler says of them stays short.

#pragma once

// A listed method is `name` or `(name, parameters...)`.
#define CONDUIT_RPC_SECOND(first, second, ...) second
#define CONDUIT_RPC_CHOOSE(...) CONDUIT_RPC_SECOND(__VA_ARGS__)
#define CONDUIT_RPC_PASTE(a, b) CONDUIT_RPC_PASTE_(a, b)
#define CONDUIT_RPC_PASTE_(a, b) a##b
#define CONDUIT_RPC_IF_LIST(...) ~, 1
#define CONDUIT_RPC_KIND(method) CONDUIT_RPC_CHOOSE(CONDUIT_RPC_IF_LIST method, 0, ~)
#define CONDUIT_RPC_HEAD(first, ...) first
#define CONDUIT_RPC_TAIL(first, ...) #__VA_ARGS__

#define CONDUIT_RPC_NAME(method) \
    CONDUIT_RPC_PASTE(CONDUIT_RPC_NAME_OF_, CONDUIT_RPC_KIND(method))(method)
#define CONDUIT_RPC_NAME_OF_0(method) method
#define CONDUIT_RPC_NAME_OF_1(method) CONDUIT_RPC_HEAD method

#define CONDUIT_RPC_PARAMETERS(method) \
    CONDUIT_RPC_PASTE(CONDUIT_RPC_PARAMETERS_OF_, CONDUIT_RPC_KIND(method))(method)
#define CONDUIT_RPC_PARAMETERS_OF_0(method) ""
#define CONDUIT_RPC_PARAMETERS_OF_1(method) CONDUIT_RPC_TAIL method

#define CONDUIT_RPC_TEXT(name) CONDUIT_RPC_TEXT_(name)
#define CONDUIT_RPC_TEXT_(name) #name

// CONDUIT_RPC_EACH(one, data, before, a, b, c) is one(data, before, a) one(data, a, b)
// one(data, b, c).
// clang-format off
#define CONDUIT_RPC_EACH(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E2(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E2(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E3(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E3(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E4(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E4(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E5(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E5(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E6(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E6(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E7(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E7(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E8(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E8(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E9(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E9(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E10(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E10(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E11(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E11(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E12(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E12(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E13(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E13(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E14(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E14(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E15(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E15(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E16(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E16(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E17(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E17(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E18(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E18(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E19(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E19(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E20(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E20(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E21(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E21(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E22(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E22(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E23(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E23(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E24(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E24(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E25(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E25(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E26(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E26(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E27(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E27(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E28(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E28(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E29(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E29(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E30(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E30(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E31(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E31(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E32(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E32(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E33(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E33(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E34(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E34(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E35(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E35(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E36(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E36(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E37(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E37(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E38(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E38(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E39(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E39(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E40(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E40(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E41(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E41(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E42(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E42(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E43(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E43(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E44(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E44(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E45(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E45(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E46(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E46(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E47(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E47(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E48(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E48(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E49(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E49(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E50(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E50(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E51(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E51(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E52(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E52(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E53(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E53(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E54(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E54(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E55(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E55(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E56(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E56(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E57(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E57(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E58(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E58(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E59(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E59(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E60(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E60(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E61(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E61(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E62(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E62(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E63(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E63(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E64(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E64(o, d, p, a, ...) \
    o(d, p, a) __VA_OPT__(CONDUIT_RPC_E65(o, d, a, __VA_ARGS__))
#define CONDUIT_RPC_E65(...) \
    static_assert(false, "conduit: an interface has at most 64 methods; make two of it");

// CONDUIT_RPC_LAST(a, b, c) is c.
#define CONDUIT_RPC_LAST_(first, ...) first
#define CONDUIT_RPC_LAST(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L2(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L2(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L3(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L3(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L4(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L4(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L5(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L5(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L6(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L6(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L7(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L7(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L8(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L8(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L9(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L9(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L10(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L10(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L11(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L11(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L12(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L12(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L13(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L13(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L14(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L14(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L15(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L15(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L16(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L16(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L17(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L17(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L18(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L18(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L19(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L19(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L20(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L20(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L21(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L21(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L22(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L22(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L23(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L23(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L24(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L24(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L25(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L25(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L26(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L26(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L27(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L27(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L28(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L28(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L29(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L29(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L30(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L30(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L31(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L31(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L32(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L32(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L33(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L33(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L34(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L34(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L35(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L35(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L36(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L36(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L37(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L37(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L38(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L38(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L39(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L39(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L40(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L40(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L41(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L41(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L42(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L42(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L43(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L43(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L44(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L44(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L45(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L45(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L46(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L46(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L47(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L47(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L48(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L48(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L49(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L49(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L50(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L50(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L51(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L51(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L52(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L52(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L53(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L53(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L54(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L54(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L55(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L55(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L56(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L56(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L57(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L57(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L58(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L58(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L59(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L59(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L60(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L60(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L61(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L61(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L62(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L62(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L63(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L63(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L64(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L64(a, ...) CONDUIT_RPC_LAST_(__VA_OPT__(CONDUIT_RPC_L65(__VA_ARGS__),) a, ~)
#define CONDUIT_RPC_L65(...) conduit_too_many_methods

// The pieces of CONDUIT_INTERFACE that are there once for each method. `before` is the one listed
// before it; a stub's class derives from that one's.
#define CONDUIT_RPC_COMMA_NAME(data, before, method) , CONDUIT_RPC_TEXT(CONDUIT_RPC_NAME(method))

#define CONDUIT_RPC_STUB(method) CONDUIT_RPC_PASTE(conduit_stub_, CONDUIT_RPC_NAME(method))

#define CONDUIT_RPC_OR_UNCLEAR(data, before, method) \
    || !::conduit::rpc::detail::is_clear<CONDUIT_RPC_PASTE(conduit_type_of_, \
                                                           CONDUIT_RPC_NAME(method))>

#define CONDUIT_RPC_OR_SAME(data, before, method) \
    || ::conduit::rpc::detail::is_same_method<Method, CONDUIT_RPC_POINTER(method)>
#define CONDUIT_RPC_POINTER(method) &conduit_contract::CONDUIT_RPC_NAME(method)

#define CONDUIT_RPC_ROW(name, before, method) \
    CONDUIT_RPC_ROW_OF(name, CONDUIT_RPC_NAME(method), CONDUIT_RPC_PARAMETERS(method))
#define CONDUIT_RPC_ROW_OF(name, method, parameters) \
    CONDUIT_RPC_ROW_OF_(name, method, parameters)
#define CONDUIT_RPC_ROW_OF_(name, method, parameters) \
    ::conduit::rpc::detail::make_row<conduit_contract, &conduit_contract::method, Purpose>( \
        name "/" #method, #method, parameters),

#define CONDUIT_RPC_LINK(data, before, method) \
    CONDUIT_RPC_LINK_OF(CONDUIT_RPC_NAME(before), CONDUIT_RPC_NAME(method), \
                        CONDUIT_RPC_PARAMETERS(method))
#define CONDUIT_RPC_LINK_OF(before, method, parameters) \
    CONDUIT_RPC_LINK_OF_(before, method, parameters)
#define CONDUIT_RPC_LINK_OF_(before, method, parameters) \
    template <class Interface> \
    static auto conduit_find_##method(int) -> decltype(&Interface::method); \
    template <class Interface> \
    static ::conduit::rpc::detail::unclear_method conduit_find_##method(long); \
    using conduit_type_of_##method = decltype(conduit_find_##method<conduit_contract>(0)); \
    static_assert(::conduit::rpc::detail::require_method<conduit_type_of_##method>()); \
    static_assert(::conduit::rpc::detail::require_names<conduit_type_of_##method>(parameters), \
                  "conduit: the names of the parameters of " #method \
                  " in CONDUIT_INTERFACE are as many as its parameters, or none"); \
    template <class Base, class Signature> \
    struct conduit_link_##method : Base { \
        using Base::Base; \
    }; \
    template <class Base, class R, class C, class... A> \
    struct conduit_link_##method<Base, R (C::*)(A...)> : Base { \
        using Base::Base; \
        R method(A... conduit_arguments) override { \
            return Base::template conduit_call<R, Base::conduit_index>( \
                ::std::move(conduit_arguments)...); \
        } \
    }; \
    struct conduit_stub_##method \
        : conduit_link_##method<conduit_stub_##before, conduit_type_of_##method> { \
        using conduit_link_##method<conduit_stub_##before, \
                                    conduit_type_of_##method>::conduit_link_##method; \
        static constexpr ::std::size_t conduit_index = conduit_stub_##before::conduit_index + 1; \
    };
// clang-format on

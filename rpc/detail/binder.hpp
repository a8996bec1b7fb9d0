// SPDX-License-Identifier: BSL-1.0
//
// The members of an aggregate as a list of references, by structured bindings: one specialisation
// for each number of members, since C++20 has no pack of them. fields.hpp counts and chooses.

#pragma once

#include <cstddef>
#include <utility>

namespace conduit::rpc::detail {

inline constexpr std::size_t fields_max = 32;

/// Calls a function with the members of an aggregate that has Count of them.
template <std::size_t Count>
struct binder;

template <>
struct binder<0> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T&, F&& f) {
        return std::forward<F>(f)();
    }
};

template <>
struct binder<1> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a] = t;
        return std::forward<F>(f)(a);
    }
};

template <>
struct binder<2> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b] = t;
        return std::forward<F>(f)(a, b);
    }
};

template <>
struct binder<3> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c] = t;
        return std::forward<F>(f)(a, b, c);
    }
};

template <>
struct binder<4> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d] = t;
        return std::forward<F>(f)(a, b, c, d);
    }
};

template <>
struct binder<5> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e] = t;
        return std::forward<F>(f)(a, b, c, d, e);
    }
};

template <>
struct binder<6> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g] = t;
        return std::forward<F>(f)(a, b, c, d, e, g);
    }
};

template <>
struct binder<7> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h);
    }
};

template <>
struct binder<8> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i);
    }
};

template <>
struct binder<9> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j);
    }
};

template <>
struct binder<10> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k);
    }
};

template <>
struct binder<11> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l);
    }
};

template <>
struct binder<12> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m);
    }
};

template <>
struct binder<13> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n);
    }
};

template <>
struct binder<14> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o);
    }
};

template <>
struct binder<15> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p);
    }
};

template <>
struct binder<16> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q);
    }
};

template <>
struct binder<17> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r);
    }
};

template <>
struct binder<18> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s);
    }
};

template <>
struct binder<19> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u);
    }
};

template <>
struct binder<20> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v);
    }
};

template <>
struct binder<21> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w);
    }
};

template <>
struct binder<22> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x);
    }
};

template <>
struct binder<23> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x, y] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x,
                                  y);
    }
};

template <>
struct binder<24> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x, y, z] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x,
                                  y, z);
    }
};

template <>
struct binder<25> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x, y, z, a0] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x,
                                  y, z, a0);
    }
};

template <>
struct binder<26> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x, y, z, a0, a1] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x,
                                  y, z, a0, a1);
    }
};

template <>
struct binder<27> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x, y, z, a0, a1, a2] =
            t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x,
                                  y, z, a0, a1, a2);
    }
};

template <>
struct binder<28> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x, y, z, a0, a1, a2,
               a3] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x,
                                  y, z, a0, a1, a2, a3);
    }
};

template <>
struct binder<29> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x, y, z, a0, a1, a2,
               a3, a4] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x,
                                  y, z, a0, a1, a2, a3, a4);
    }
};

template <>
struct binder<30> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x, y, z, a0, a1, a2,
               a3, a4, a5] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x,
                                  y, z, a0, a1, a2, a3, a4, a5);
    }
};

template <>
struct binder<31> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x, y, z, a0, a1, a2,
               a3, a4, a5, a6] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x,
                                  y, z, a0, a1, a2, a3, a4, a5, a6);
    }
};

template <>
struct binder<32> {
    template <class T, class F>
    [[gnu::always_inline]] static constexpr decltype(auto) bind(T& t, F&& f) {
        auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x, y, z, a0, a1, a2,
               a3, a4, a5, a6, a7] = t;
        return std::forward<F>(f)(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, u, v, w, x,
                                  y, z, a0, a1, a2, a3, a4, a5, a6, a7);
    }
};

}  // namespace conduit::rpc::detail

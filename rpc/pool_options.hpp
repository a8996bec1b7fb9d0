// SPDX-License-Identifier: BSL-1.0
//
// How a pool connects, waits and tries again. See pool.hpp.
//
//     rpc::pool_options().connections_per_address(2).back_off(10ms, 1s).tries_max(1)

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/rpc/connect_options.hpp>
#include <conduit/runtime/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace conduit::rpc {

/// Each setter returns the options, to be chained.
class pool_options {
public:
    /// Makes a stream to an address, or throws a fault that says why there is none.
    using opener = std::function<task<any_stream>(std::string where)>;

    /// How each connection is made, and what is offered to the servers in return.
    pool_options& connect(connect_options how) {
        connect_ = std::move(how);
        return *this;
    }
    /// Instead of connecting as connect.hpp says; addresses may then be any text.
    pool_options& opens_by(opener open) {
        opener_ = std::move(open);
        return *this;
    }
    /// One unless set; at least one.
    pool_options& connections_per_address(std::size_t n) noexcept {
        return set(connections_per_address_, n == 0 ? 1 : n);
    }
    /// How long one attempt to connect may take; 5 s.
    pool_options& connect_within(std::chrono::milliseconds time) noexcept {
        return set(connect_within_, time);
    }
    /// The wait before a server is tried again is drawn by chance, below `least` at first and twice
    /// as much each time until `most`, 50 ms and 10 s. For Unix sockets and FIFOs, which cost
    /// nothing to try, it stays at `least`. The first good answer begins anew.
    pool_options& back_off(std::chrono::milliseconds least,
                           std::chrono::milliseconds most) noexcept {
        back_off_least_ = least;
        return set(back_off_most_, most);
    }
    /// Calls fail when no server can be reached. Unless set they wait for one, each until its
    /// deadline.
    pool_options& fail_fast() noexcept { return set(fails_fast_, true); }

    /// How often a call is made in all, where it is safe; 3. 1: never again.
    pool_options& tries_max(std::uint32_t n) noexcept { return set(tries_max_, n); }
    /// The wait before a call is made again, drawn as for back_off(); 25 ms and 1 s.
    pool_options& retry_wait(std::chrono::milliseconds least,
                             std::chrono::milliseconds most) noexcept {
        retry_least_ = least;
        return set(retry_most_, most);
    }
    /// Retries are at most so many per cent of the calls of the last 10 s, and so many a second
    /// more; 20 and 10.
    pool_options& retry_budget(std::uint32_t percent, std::uint32_t per_second) noexcept {
        retry_percent_ = percent;
        return set(retries_per_second_, per_second);
    }
    /// A server that asks for a longer wait than this is taken to have said no: its call is not
    /// made again; 60 s.
    pool_options& patience(std::chrono::milliseconds longest) noexcept {
        return set(patience_, longest);
    }

    const connect_options& connect() const noexcept { return connect_; }
    const opener& opens_by() const noexcept { return opener_; }
    std::size_t connections_per_address() const noexcept { return connections_per_address_; }
    std::chrono::milliseconds connect_within() const noexcept { return connect_within_; }
    std::chrono::milliseconds back_off_least() const noexcept { return back_off_least_; }
    std::chrono::milliseconds back_off_most() const noexcept { return back_off_most_; }
    bool fails_fast() const noexcept { return fails_fast_; }
    std::uint32_t tries_max() const noexcept { return tries_max_; }
    std::chrono::milliseconds retry_least() const noexcept { return retry_least_; }
    std::chrono::milliseconds retry_most() const noexcept { return retry_most_; }
    std::uint32_t retry_percent() const noexcept { return retry_percent_; }
    std::uint32_t retries_per_second() const noexcept { return retries_per_second_; }
    std::chrono::milliseconds patience() const noexcept { return patience_; }

private:
    template <class T>
    pool_options& set(T& field, T value) noexcept {
        field = value;
        return *this;
    }

    connect_options connect_;
    opener opener_;
    std::size_t connections_per_address_ = 1;
    std::chrono::milliseconds connect_within_{5000};
    std::chrono::milliseconds back_off_least_{50};
    std::chrono::milliseconds back_off_most_{10'000};
    std::chrono::milliseconds retry_least_{25};
    std::chrono::milliseconds retry_most_{1000};
    std::chrono::milliseconds patience_{60'000};
    std::uint32_t tries_max_ = 3;
    std::uint32_t retry_percent_ = 20;
    std::uint32_t retries_per_second_ = 10;
    bool fails_fast_ = false;
};

}  // namespace conduit::rpc

// SPDX-License-Identifier: BSL-1.0
//
// Who has which batch. What a worker did not answer before it died is given to another one, and no
// batch counts twice: that is decided here, and nowhere else.
//
//     ledger book(total_bytes);
//     co_await book.add(text);                            // waits while much is there to be done
//     while (auto next = co_await book.take("worker=3")) ...
//     if (book.settle(number, took)) table.add(words);    // true once for each batch
//     book.give_back("worker=3");                         // it died

#pragma once

#include "word_counter.hpp"

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace word_count {

/// The part of the text that a worker died with.
struct returned_batches {
    std::size_t batches = 0;
    std::uint64_t bytes = 0;
};

class ledger {
public:
    /// Little is lost with a worker, and all of them have something to do where there is not much.
    static constexpr std::size_t in_hand_max = 4;

    /// Waits until less than waiting_max batches wait for a worker. Yields a zero code, or why this
    /// wait ended before.
    conduit::task<std::error_code> add(std::string text);
    /// That was the last one.
    void close();

    /// Waits for a batch that nobody has, and until `worker` has less than in_hand_max; from now on
    /// that one has it. Yields nothing once all batches are counted, or when it is cancelled.
    conduit::task<std::optional<batch>> take(std::string worker);

    /// How long the batch was in the hands of who answered it first; nothing where it was answered
    /// before, and so counts already.
    std::optional<conduit::clock::duration> settle(std::uint64_t number);

    /// Others may take what `worker` has not answered.
    returned_batches give_back(std::string_view worker);

    /// Until let_go() nobody takes what is in the last `bytes` of a text of `of` bytes, except for
    /// whom it is reserved.
    void reserve(std::uint64_t bytes, std::uint64_t of) noexcept;
    void reserve_for(std::string worker);
    void let_go();

    /// Waits until the last one is counted, with what add() yields.
    conduit::task<std::error_code> until_settled();

    std::uint64_t bytes_taken() const noexcept { return bytes_taken_; }
    std::uint64_t bytes_settled() const noexcept { return bytes_settled_; }
    std::uint64_t batches() const noexcept { return next_number_; }
    std::uint64_t answered_twice() const noexcept { return answered_twice_; }

private:
    static constexpr std::size_t waiting_max = 16;

    struct taken {
        batch what;
        std::string by;
        conduit::clock::time_point since;
    };

    bool is_settled() const noexcept { return closed_ && waiting_.empty() && taken_.empty(); }
    bool may_take(const std::string& worker) const;
    void changed() noexcept { changed_.set(); }
    conduit::task<std::error_code> until_changed();

    std::deque<batch> waiting_;
    std::map<std::uint64_t, taken> taken_;
    std::map<std::string, std::size_t> in_hand_;
    std::uint64_t next_number_ = 0;
    std::uint64_t bytes_taken_ = 0;
    std::uint64_t bytes_settled_ = 0;
    std::uint64_t answered_twice_ = 0;
    std::uint64_t reserved_from_ = UINT64_MAX;  // of bytes_taken_
    std::string reserved_for_;
    bool closed_ = false;
    conduit::event changed_;
};

}  // namespace word_count

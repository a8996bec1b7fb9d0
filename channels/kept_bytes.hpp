// SPDX-License-Identifier: BSL-1.0
//
// Bytes that came and that nobody has taken yet, in one piece: filled at the end, taken from the
// front. What buffered_reader.hpp and the messages of calls stand on.
//
//     conduit::kept_bytes kept;
//     kept.grow(read_into(kept.make_room(4096)));      // or kept.append(bytes)
//     kept.consume(parse(kept.bytes()));               // as far as it gets

#pragma once

#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/pooled_block.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace conduit {

/// Bytes in order, in one block of memory that is given back as soon as the last one is taken.
class kept_bytes {
public:
    kept_bytes() noexcept = default;
    kept_bytes(kept_bytes&& other) noexcept
        : block_(std::move(other.block_)),
          begin_(std::exchange(other.begin_, 0)),
          end_(std::exchange(other.end_, 0)) {}
    kept_bytes& operator=(kept_bytes&& other) noexcept {
        block_ = std::exchange(other.block_, pooled_block());
        begin_ = std::exchange(other.begin_, 0);
        end_ = std::exchange(other.end_, 0);
        return *this;
    }
    ~kept_bytes() = default;

    std::span<const std::byte> bytes() const noexcept { return {block_.data() + begin_, size()}; }
    std::span<std::byte> bytes() noexcept { return {block_.data() + begin_, size()}; }
    std::size_t size() const noexcept { return end_ - begin_; }
    bool empty() const noexcept { return begin_ == end_; }
    /// Of the block.
    std::size_t memory() const noexcept { return block_.size(); }

    /// Takes the first `n`.
    void consume(std::size_t n) noexcept {
        CONDUIT_ASSERT(n <= size(), "more was consumed than there is");
        begin_ += n;
        if (empty()) clear();
    }
    /// Drops the last `n`.
    void drop_back(std::size_t n) noexcept {
        CONDUIT_ASSERT(n <= size(), "more was dropped than there is");
        end_ -= n;
        if (empty()) clear();
    }
    void clear() noexcept {
        pooled_block given_back = std::exchange(block_, pooled_block());
        begin_ = end_ = 0;
    }

    /// Room for at least `n` more bytes behind the last one; see grow().
    std::span<std::byte> make_room(std::size_t n) {
        if (block_.size() - end_ < n) rearrange(n);
        return {block_.data() + end_, block_.size() - end_};
    }
    /// The first `n` bytes of the room were filled.
    void grow(std::size_t n) noexcept { end_ += n; }

    void append(std::span<const std::byte> more) {
        if (more.empty()) return;
        std::memcpy(make_room(more.size()).data(), more.data(), more.size());
        grow(more.size());
    }
    void prepend(std::span<const std::byte> before) {
        kept_bytes all;
        all.make_room(before.size() + size());
        all.append(before);
        all.append(bytes());
        *this = std::move(all);
    }

    /// Before a wait, which may last: gives up a block that is much larger than what is there, if
    /// there is memory for another.
    void fit() noexcept {
        constexpr std::size_t worth_it = 8192;
        if (block_.size() <= worth_it || block_.size() / 4 < size()) return;
        if (empty()) return clear();
        try {
            kept_bytes all;
            all.append(bytes());
            *this = std::move(all);
        } catch (const std::bad_alloc&) {
            return;
        }
    }

private:
    /// Moves what is there to the front, of a larger block where that gains little: on the whole
    /// each byte is moved a few times.
    void rearrange(std::size_t n) {
        const std::size_t held = size();
        if (held + n > block_.size() || held > 2 * begin_) {
            constexpr std::size_t much = std::size_t{1} << 20;
            pooled_block larger(held + std::max({n, held / 2, std::min(held, much)}));
            if (held != 0) std::memcpy(larger.data(), block_.data() + begin_, held);
            block_ = std::move(larger);
        } else if (held != 0) {
            std::memmove(block_.data(), block_.data() + begin_, held);
        }
        begin_ = 0;
        end_ = held;
    }

    pooled_block block_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace conduit

// SPDX-License-Identifier: BSL-1.0
//
// What several connections may take together, beside what each may take for itself: the memory and
// the calls of a server. Each connection keeps an account.
//
//     auto server = std::make_shared<shared_limits>(64 * 1024 * 1024, 4096);
//     limits_account one(8 * 1024 * 1024, server);
//     if (!one.charge(bytes)) return refuse(one.memory_text());

#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace conduit::rpc::detail {

/// Of one scheduler; accounts of it are not used by others.
class shared_limits {
public:
    shared_limits(std::size_t most_memory, std::size_t most_calls) noexcept
        : memory_max(most_memory), calls_max(most_calls) {}

    const std::size_t memory_max;
    const std::size_t calls_max;
    std::size_t memory = 0;  // taken now
    std::size_t calls = 0;
};

/// What one connection has taken. What is left of it is given back by the destruction.
class limits_account {
public:
    limits_account(std::size_t memory_max, std::shared_ptr<shared_limits> shared) noexcept
        : memory_max_(memory_max), shared_(std::move(shared)) {}
    limits_account(const limits_account&) = delete;
    limits_account& operator=(const limits_account&) = delete;
    ~limits_account() {
        if (shared_ == nullptr) return;
        shared_->memory -= memory_;
        shared_->calls -= calls_;
    }

    /// Takes memory; false where there is not so much, and then nothing is taken.
    bool charge(std::size_t bytes) noexcept {
        if (!fits(bytes, memory_, memory_max_)) return false;
        if (shared_ != nullptr && !fits(bytes, shared_->memory, shared_->memory_max)) return false;
        memory_ += bytes;
        if (shared_ != nullptr) shared_->memory += bytes;
        return true;
    }
    void release(std::size_t bytes) noexcept {
        memory_ -= bytes;
        if (shared_ != nullptr) shared_->memory -= bytes;
    }

    /// What could still be taken.
    std::size_t memory_left() const noexcept {
        const std::size_t own = memory_max_ - std::min(memory_, memory_max_);
        if (shared_ == nullptr) return own;
        return std::min(own, shared_->memory_max - std::min(shared_->memory, shared_->memory_max));
    }

    /// Counts a call; false where it is one too many, which is counted all the same.
    bool enter_call() noexcept {
        ++calls_;
        return shared_ == nullptr || ++shared_->calls <= shared_->calls_max;
    }
    void leave_call() noexcept {
        --calls_;
        if (shared_ != nullptr) --shared_->calls;
    }

    std::size_t calls() const noexcept { return calls_; }

    /// "1 of 2 bytes are in use (memory_max)", of whichever limit is nearer.
    std::string memory_text() const;
    std::string calls_text() const;

private:
    static bool fits(std::size_t more, std::size_t taken, std::size_t most) noexcept {
        return taken <= most && more <= most - taken;
    }

    std::size_t memory_max_;
    std::size_t memory_ = 0;
    std::size_t calls_ = 0;
    std::shared_ptr<shared_limits> shared_;
};

}  // namespace conduit::rpc::detail

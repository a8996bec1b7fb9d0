// SPDX-License-Identifier: BSL-1.0
//
// How much may be taken of what a server has: by one connection, by all connections of one user,
// and by all together. Each connection keeps an account with its user.
//
//     auto server = std::make_shared<shared_limits>(amounts{64 * 1024 * 1024, 4096, 256});
//     limits_account one(amounts{8 * 1024 * 1024, no_limit, 64}, server->user("user 1000"));
//     if (!one.take(resource::memory, bytes)) return refuse(one.text(resource::memory));

#pragma once

#include <conduit/rpc/detail/fair_gate.hpp>
#include <conduit/rpc/detail/queue_guard.hpp>
#include <conduit/runtime/clock.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace conduit::rpc::detail {

/// What is counted: bytes of what came, calls under way, open handles that came, bytes of long
/// results until they have left, and open handles with results until they were received.
enum class resource : std::uint8_t { memory, calls, handles, results, given };

/// So much of each resource.
struct amounts {
    std::size_t memory = 0;
    std::size_t calls = 0;
    std::size_t handles = 0;
    std::size_t results = memory;  // unless said, as much again
    std::size_t given = handles;   // likewise

    std::size_t& of(resource what) noexcept {
        switch (what) {
            case resource::memory: return memory;
            case resource::calls: return calls;
            case resource::handles: return handles;
            case resource::results: return results;
            case resource::given: break;
        }
        return given;
    }
    std::size_t of(resource what) const noexcept { return amounts(*this).of(what); }
};

inline constexpr std::size_t no_limit = ~std::size_t{0};

class given_handles;
class user_account;

/// What all connections of a server may take. A user may take half of what the others leave, so
/// that none of them can take all: who comes next finds something. Of one scheduler; accounts of it
/// are not used by others.
class shared_limits : public std::enable_shared_from_this<shared_limits> {
public:
    explicit shared_limits(const amounts& most,
                           clock::duration queue_target = clock::duration::zero()) noexcept
        : queue(queue_target), most_(most) {}
    shared_limits(const shared_limits&) = delete;
    shared_limits& operator=(const shared_limits&) = delete;

    /// Those who count as one; `name` is for people, such as "user 1000". An empty name stands for
    /// whoever is trusted with all of it, such as a stream that the program itself brought.
    std::shared_ptr<user_account> user(std::string_view name);

    std::size_t most(resource what) const noexcept { return most_.of(what); }
    std::size_t taken(resource what) const noexcept { return taken_.of(what); }

    /// Of the calls of all connections.
    queue_guard queue;
    fair_gate* gate = nullptr;       // the server's, which has one
    given_handles* given = nullptr;  // likewise

private:
    friend class user_account;

    amounts most_;
    amounts taken_;
    std::map<std::string, std::weak_ptr<user_account>, std::less<>> users_;
};

/// What the connections of one user have taken.
class user_account {
public:
    user_account(std::shared_ptr<shared_limits> from, std::string name) noexcept
        : from_(std::move(from)), name_(std::move(name)) {}
    user_account(const user_account&) = delete;
    user_account& operator=(const user_account&) = delete;
    ~user_account();

    const std::string& name() const noexcept { return name_; }
    std::size_t taken(resource what) const noexcept { return taken_.of(what); }

    /// What it may take in all, as things are.
    std::size_t most(resource what) const noexcept {
        const std::size_t others = from_->taken_.of(what) - taken_.of(what);
        const std::size_t most = from_->most_.of(what);
        const std::size_t left = others < most ? most - others : 0;
        return name_.empty() || left <= 1 ? left : left - left / 2;
    }
    std::size_t left(resource what) const noexcept {
        const std::size_t limit = most(what);
        return taken_.of(what) < limit ? limit - taken_.of(what) : 0;
    }
    void add(resource what, std::size_t n) noexcept {
        taken_.of(what) += n;
        from_->taken_.of(what) += n;
    }
    void remove(resource what, std::size_t n) noexcept {
        taken_.of(what) -= n;
        from_->taken_.of(what) -= n;
    }

    shared_limits& all() const noexcept { return *from_; }

    /// Its calls that wait to begin.
    turn_queue turns;

private:
    std::shared_ptr<shared_limits> from_;
    std::string name_;
    amounts taken_;
};

/// What one connection has taken. What is left of it is given back by the destruction, which comes
/// when nothing that was charged to it is left.
class limits_account {
public:
    limits_account(const amounts& most, std::shared_ptr<user_account> user) noexcept
        : most_(most), user_(std::move(user)) {}
    limits_account(const limits_account&) = delete;
    limits_account& operator=(const limits_account&) = delete;
    ~limits_account();

    /// False where there is not so much, and then nothing is taken.
    bool take(resource what, std::size_t n) noexcept {
        if (n > left(what)) return false;
        add(what, n);
        return true;
    }
    /// Counted all the same where it is too much.
    void add(resource what, std::size_t n) noexcept {
        taken_.of(what) += n;
        if (user_ != nullptr) user_->add(what, n);
    }
    void give_back(resource what, std::size_t n) noexcept {
        taken_.of(what) -= n;
        if (user_ != nullptr) user_->remove(what, n);
    }

    /// What could still be taken.
    std::size_t left(resource what) const noexcept {
        const std::size_t most = most_.of(what);
        const std::size_t own = taken_.of(what) < most ? most - taken_.of(what) : 0;
        return user_ == nullptr ? own : std::min(own, user_->left(what));
    }
    std::size_t taken(resource what) const noexcept { return taken_.of(what); }
    /// By how much more was added than may be taken, of whichever limit that is most.
    std::size_t beyond(resource what) const noexcept {
        const auto above = [](std::size_t n, std::size_t most) { return n > most ? n - most : 0; };
        const std::size_t own = above(taken_.of(what), most_.of(what));
        if (user_ == nullptr) return own;
        return std::max(own, above(user_->taken(what), user_->most(what)));
    }
    /// Whose it is; null where nobody shares.
    user_account* user() const noexcept { return user_.get(); }

    /// "1 of 2 bytes are in use (memory_max)", of whichever limit is nearest.
    std::string text(resource what) const;

private:
    amounts most_;
    amounts taken_;
    std::shared_ptr<user_account> user_;
};

}  // namespace conduit::rpc::detail

// SPDX-License-Identifier: BSL-1.0
//
// Whom somebody could not reach, and when the matchmaker goes there itself to look. It does no I/O
// and knows no clock; who looks, and what comes of it, is matchmaker_liveness.cpp's.
//
//     reach_table reach(5s, 6);
//     auto asked = reach.ask(id, now);                 // somebody says that it is not there
//     for (instance_id due : reach.take_due(now)) ...  // goes there, says reached() or failed(),
//     reach.ended(due, later);                         // and that it was there in any case

#pragma once

#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/instance.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

/// One look at an instance, for who waits for it.
struct reach_look {
    event over;
    std::optional<fault> failed;  // to look, which says nothing of the instance
};

enum class reach_verdict : std::uint8_t {
    known,    // as before
    suspect,  // was not reached, once more
    gone,     // was not reached so often that it is taken for gone
};

/// Of one matchmaker. An instance is here from the first time that it is asked about, or was not
/// reached, until it is well again, or forgotten.
class reach_table {
public:
    /// How many are looked at at the same time.
    static constexpr std::size_t looks_most = 64;

    /// Looks at who was not reached as often as others are pinged.
    reach_table(clock::duration ping_every, unsigned gone_after);
    reach_table(const reach_table&) = delete;
    reach_table& operator=(const reach_table&) = delete;
    ~reach_table() = default;

    /// It is to be looked at, as soon as may be: nobody makes the matchmaker look more often than
    /// once a second, however many ask. Who asks meanwhile is told of the same look.
    std::shared_ptr<reach_look> ask(instance_id id, clock::time_point now);

    /// Somebody could not reach it. Of all who say so within half the time between two pings one
    /// counts: many clients at a full backlog are no more than one.
    reach_verdict failed(instance_id id, clock::time_point now);
    /// Somebody did. True where it had not been reached before.
    bool reached(instance_id id);

    /// Who is to be looked at now, as far as there is room for more looks. Each look ends with
    /// ended(), also of who was forgotten meanwhile.
    std::vector<instance_id> take_due(clock::time_point now);
    void ended(instance_id id, clock::time_point now, std::optional<fault> failed = std::nullopt);
    /// When take_due() has more; nothing where it never has, or while there is no room.
    std::optional<clock::time_point> next_due() const noexcept;

    /// There is none any more.
    void forget(instance_id id) noexcept;
    /// Of all those for which it is so.
    template <class IsGone>
    void forget_if(const IsGone& is_gone) {
        std::vector<instance_id> gone;
        for (const auto& [id, known] : known_) {
            if (is_gone(id)) gone.push_back(id);
        }
        for (const instance_id id : gone) forget(id);
    }
    /// Nobody looks any more: who waits for a look is told.
    void stop() noexcept;

    /// Whether it will be looked at for somebody, or is.
    bool is_asked(instance_id id) const noexcept;
    bool is_unreached(instance_id id) const noexcept;
    /// How many were not reached, and are not well again.
    std::size_t unreached() const noexcept { return unreached_; }
    std::size_t size() const noexcept { return known_.size(); }

private:
    struct entry {
        unsigned failures = 0;
        clock::time_point counted;  // the last of them
        clock::time_point looked = clock::time_point::min();
        std::optional<clock::time_point> due;
        bool is_looked_at = false;
        std::shared_ptr<reach_look> asked;
    };

    void set_due(instance_id id, entry& of, clock::time_point when);
    static void tell(entry& of) noexcept;

    clock::duration ping_every_;
    clock::duration looks_apart_;
    unsigned gone_after_;
    std::map<instance_id, entry> known_;
    std::set<std::pair<clock::time_point, instance_id>> due_;
    std::size_t looking_ = 0;
    std::size_t unreached_ = 0;
};

}  // namespace conduit::rpc::detail

// SPDX-License-Identifier: BSL-1.0
//
// Who has announced what over which connection, and whether they live. Death shows by the process
// and by the connection, whichever is first; that somebody hangs, by silence. What is to be done
// about it is told to the owner of this, which has the table.
//
//     auto who = everybody.of(call.link());               // throws a fault
//     everybody.add(*who, announced.id);

#pragma once

#include <conduit/rpc/instance.hpp>
#include <conduit/rpc/peer_link.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace conduit::rpc::detail {

/// A connection over which something was announced.
struct announcer {
    std::shared_ptr<peer_link> link;
    instance_owner owner;
    std::set<instance_id> instances;
    std::uint64_t bytes_seen = 0;  // of it, when it was pinged last
    unsigned missed = 0;           // pings in a row to which nothing came
};

/// Is told of announcers. Nothing may be awaited from here.
class announcer_watcher {
public:
    /// It is gone, with all that it has announced. `detail` is for people.
    virtual void has_gone(const announcer& who, gone_reason reason, std::string detail) = 0;
    /// It does not answer, or does so again.
    virtual void is_silent(const announcer& who) = 0;
    virtual void is_back(const announcer& who) = 0;

protected:
    ~announcer_watcher() = default;
};

/// How long silence is borne.
struct patience {
    clock::duration ping_every;
    unsigned suspect_after;
    unsigned gone_after;
};

class announcers {
public:
    announcers(announcer_watcher& watcher, patience bears);
    announcers(const announcers&) = delete;
    announcers& operator=(const announcers&) = delete;
    ~announcers() = default;

    /// Who would announce over a connection, of whom nothing is kept. Throws as of() does.
    instance_owner owner_behind(const peer_link& link) const;
    /// The one behind a connection, who is watched from now on: it costs a descriptor for as long
    /// as the connection is. Throws permission_denied where it cannot be said whose that is,
    /// unavailable where its process has ended, and resource_exhausted where this one has no
    /// descriptor left to watch it.
    announcer& of(const std::shared_ptr<peer_link>& link);
    /// Null where nothing was announced over it.
    announcer* find(const peer_link& link) noexcept;

    void add(announcer& who, instance_id id);
    /// It is another one's, or gone.
    void remove(instance_id id);
    std::size_t size() const noexcept { return by_link_.size(); }
    /// Whether the process behind an instance is none that does not answer.
    bool is_heard(instance_id id) const noexcept;
    const std::map<instance_id, announcer*>& instances() const noexcept { return by_instance_; }

    /// Tells of nobody any more.
    void stop() noexcept;

private:
    task<void> watch(announcer* who, unique_fd process);
    task<void> ping();
    void ping(announcer& who);
    void forget(announcer& who, gone_reason reason, std::string detail);

    announcer_watcher& watcher_;
    patience bears_;
    std::map<const peer_link*, std::unique_ptr<announcer>> by_link_;
    std::map<instance_id, announcer*> by_instance_;
    bool pings_ = false;

    task_group watches_;  // use what is above
};

/// Whether its process has a number here. One of another PID namespace has none, and is known by
/// its connection alone: what is in place of its start time is a number that no other one has.
inline bool has_number(const instance_owner& owner) noexcept { return owner.pid > 0; }

/// "killed by signal 9", "exited with code 1"; empty where the kernel does not say.
std::string how_ended(const unique_fd& process, std::int32_t pid);

}  // namespace conduit::rpc::detail

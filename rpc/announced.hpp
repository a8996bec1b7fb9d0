// SPDX-License-Identifier: BSL-1.0
//
// An offer that the matchmaker knows of, for as long as this object lives. matchmaker.hpp makes it.
//
//     auto at = co_await server.listen("unix:/run/x/sock");
//     auto offer = co_await here.announce<calculator>(at, rpc::announce_options().version(1, 2));
//     auto end = co_await server.run();                   // serves until it is asked to stop
//     co_await offer.withdraw();                          // at the latest here, or with `offer`

#pragma once

#include <conduit/rpc/instance.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace conduit::rpc {

namespace detail {
class announcement_keeper;
class matchmaker_verbs;
}  // namespace detail

/// What is said of an instance beside where it is. Each setter returns the options, to be chained.
class announce_options {
public:
    /// Of the interface, see serves() in instance.hpp; 1.0 unless set.
    announce_options& version(std::uint32_t major, std::uint32_t minor = 0) noexcept {
        version_ = interface_version{major, minor};
        return *this;
    }
    /// Relative to others of the name, at most weight_max; 100 unless set. 0: only if there is no
    /// other.
    announce_options& weight(std::uint32_t n) noexcept {
        weight_ = n;
        return *this;
    }
    /// One more tag, such as "zone=eu"; see tags_max and tag_bytes_max.
    announce_options& tag(std::string text) {
        tags_.push_back(std::move(text));
        return *this;
    }
    /// Does not wait for the matchmaker, which need not even be there: it is told as soon as it is,
    /// and what it refuses is logged and tried again.
    announce_options& in_background() noexcept {
        in_background_ = true;
        return *this;
    }

    interface_version version() const noexcept { return version_; }
    std::uint32_t weight() const noexcept { return weight_; }
    const std::vector<std::string>& tags() const noexcept { return tags_; }
    bool is_in_background() const noexcept { return in_background_; }

private:
    interface_version version_;
    std::uint32_t weight_ = 100;
    std::vector<std::string> tags_;
    bool in_background_ = false;
};

/// Keeps an offer announced, by a task of its own, without end: when the matchmaker was away it
/// announces again within the time that the matchmaker said to spread this over, and now and then
/// it looks whether the matchmaker still has it (matchmaker_client_options::check_every()).
///
/// Destroying it withdraws the offer and waits for nothing. It may outlive its matchmaker's client,
/// whose end withdraws the offer as well. It belongs to the scheduler of that client.
class announced {
public:
    announced(announced&&) noexcept;
    announced& operator=(announced&&) noexcept;
    ~announced();

    /// Whether the matchmaker has it, as far as is known.
    bool is_up() const noexcept;

    /// Waits until the matchmaker has it; yields a zero code, or why this wait ended before.
    task<std::error_code> until_up();

    /// The number that the matchmaker gave it; another one after each restart.
    std::optional<instance_id> id() const noexcept;

    /// What was offered, in the form in which the matchmaker tells it.
    const instance_offer& offer() const noexcept;

    /// Why it is not up, or was not when it last was not; empty as long as all went well.
    const std::string& why() const noexcept;

    /// How often it was announced.
    std::uint64_t times() const noexcept;

    /// Changes what is said of it. Where the matchmaker is away it learns of it later. Throws a
    /// fault where it refuses, and then nothing has changed.
    task<void> update(std::uint32_t weight, std::vector<std::string> tags);

    /// Waits until nobody finds it any more: what has found it goes on, and so may the server,
    /// until its clients have left. Done again, or without a matchmaker, it does nothing.
    task<void> withdraw();

private:
    friend class matchmaker;
    explicit announced(std::unique_ptr<detail::announcement_keeper> keeper) noexcept;

    std::unique_ptr<detail::announcement_keeper> keeper_;
};

}  // namespace conduit::rpc

// SPDX-License-Identifier: BSL-1.0
//
// A matchmaker in another process, to which a connection is kept up: made at once, and again by
// itself whenever it breaks or the daemon says that it is going. See matchmaker_source.hpp.

#pragma once

#include <conduit/rpc/detail/chance.hpp>
#include <conduit/rpc/detail/growing_wait.hpp>
#include <conduit/rpc/detail/log_limit.hpp>
#include <conduit/rpc/detail/matchmaker_source.hpp>
#include <conduit/rpc/matchmaker_address.hpp>
#include <conduit/rpc/matchmaker_client_options.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace conduit::rpc::detail {

class daemon_source final : public matchmaker_source {
public:
    /// Without a place it is where the options say, whose text is for their opener alone.
    daemon_source(std::optional<matchmaker_address> place, const matchmaker_client_options& options,
                  context& under);
    ~daemon_source() override;

    task<matchmaker_link_ptr> reach() override;
    task<matchmaker_link_ptr> until_reached() override;
    matchmaker_link_ptr current() const noexcept override;
    clock::time_point lost_at() const noexcept override;
    std::string name() const override;
    void shut() noexcept override;

private:
    class link;

    task<void> run();
    task<void> hold(std::shared_ptr<link> there);
    task<void> pause();
    task<std::shared_ptr<link>> attempt();
    task<std::shared_ptr<link>> open();
    void note_failure(const fault& why);
    void note_loss(const link& lost);
    void note_wait(const link& lost);
    void tell() noexcept;
    [[noreturn]] void throw_ended(std::error_code ended) const;
    void check_usable() const;
    fault not_yet() const;

    std::optional<matchmaker_address> place_;
    std::string where_;
    matchmaker_client_options options_;
    chance dice_;
    growing_wait pause_;
    log_limit lines_;
    std::shared_ptr<link> current_;
    std::uint64_t attempts_ = 0;  // that have ended, since it was last reached
    std::string why_;             // the last one failed, or what was there was lost
    std::optional<fault> hopeless_;
    clock::time_point lost_at_;
    clock::time_point not_before_ = clock::time_point::min();
    bool complained_ = false;
    bool shut_ = false;
    event hurry_;       // somebody asks now
    event changed_;     // pulsed: an attempt has ended, or all is over
    task_group tasks_;  // use what is above
};

}  // namespace conduit::rpc::detail

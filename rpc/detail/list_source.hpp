// SPDX-License-Identifier: BSL-1.0
//
// A list instead of a daemon: in a file, which is read again whenever it changes, or in a text. For
// tests and for set-ups that are too small for a daemon. See matchmaker_source.hpp and, for what is
// in it, instance_list.hpp.

#pragma once

#include <conduit/rpc/detail/listed_matchmaker.hpp>
#include <conduit/rpc/detail/log_limit.hpp>
#include <conduit/rpc/detail/matchmaker_source.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_group.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace conduit::rpc::detail {

/// As long as the file cannot be used what it said last counts, and the age of answers shows it.
class list_source final : public matchmaker_source {
public:
    /// Of a file, which need not be there yet.
    list_source(std::string path, context& under);
    /// Of a text. Throws fault(failed_precondition) where it is no list.
    static std::unique_ptr<list_source> of_text(std::string_view text, context& under);
    ~list_source() override;

    task<matchmaker_link_ptr> reach() override;
    task<matchmaker_link_ptr> until_reached() override;
    matchmaker_link_ptr current() const noexcept override;
    clock::time_point lost_at() const noexcept override;
    std::string name() const override;
    void shut() noexcept override;

private:
    explicit list_source(context& under);

    task<void> follow();
    task<void> until_written();
    task<void> read_again();
    task<result<std::string, fault>> read();
    void note(fault why);
    void check_usable() const;

    std::string path_;  // empty for a text
    std::string called_;
    std::shared_ptr<listed_matchmaker> list_;
    std::string last_;  // that was used
    bool has_list_ = false;
    bool shut_ = false;
    std::optional<fault> trouble_;
    clock::time_point lost_at_;
    log_limit lines_;
    event changed_;     // pulsed
    task_group tasks_;  // uses what is above
};

}  // namespace conduit::rpc::detail

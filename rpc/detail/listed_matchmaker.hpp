// SPDX-License-Identifier: BSL-1.0
//
// Answers as a matchmaker does, out of a list that somebody wrote and that may be changed; in this
// process and for it alone. Where the list comes from is list_source.hpp's.

#pragma once

#include <conduit/rpc/detail/matchmaker_source.hpp>
#include <conduit/rpc/instance.hpp>
#include <conduit/rpc/matchmaker_interface.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

/// Its answers are of the source `file`. To announce what is listed succeeds and changes nothing;
/// what is not is refused, with the line that would have to be written.
class listed_matchmaker final : public matchmaker_link, public matchmaker_interface {
public:
    /// `called` is where the list is, for people.
    explicit listed_matchmaker(std::string called);

    /// From now on this is the list, which was read at that time. The offers are checked.
    void use(const std::vector<instance_offer>& offers, clock::time_point read_at);
    /// It was read again and says the same.
    void use_again(clock::time_point read_at) noexcept { read_at_ = read_at; }
    /// Waits end: there will be no other list.
    void shut() noexcept;

    matchmaker_interface& object() noexcept override { return *this; }
    bool hands_over() const noexcept override { return false; }

    task<announcement> announce(instance_offer offer) override;
    task<table_position> update(instance_id id, instance_update update) override;
    task<table_position> withdraw(instance_id id) override;
    task<found_instances> lookup(instance_query query) override;
    task<found_instances> list(name_pattern pattern, std::optional<index_key> after,
                               std::uint32_t most) override;
    task<found_instances> find(instance_query query) override;
    task<connected_instance> connect(instance_query query) override;
    stream<watch_event> watch(name_pattern pattern, std::optional<table_position> from) override;
    task<void> report_unreachable(instance_id id) override;
    task<matchmaker_status> status() override;
    task<std::vector<waiting_client>> waits(std::uint64_t after, std::uint32_t most) override;

private:
    using table = std::map<index_key, instance>;

    found_instances answer() const;
    const instance* at_address(const instance_offer& offer) const;
    task<void> until_changed();
    table matching(const name_pattern& pattern) const;
    static std::vector<watch_event> changes(const table& before, const table& now,
                                            table_position at);

    std::string called_;
    clock::time_point made_at_;
    clock::time_point read_at_;
    table_position at_{1, 0};
    std::uint64_t last_number_ = 0;
    table all_;
    bool shut_ = false;
    event changed_;  // pulsed
};

}  // namespace conduit::rpc::detail

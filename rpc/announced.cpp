// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/announced.hpp>
#include <conduit/rpc/detail/announcement_keeper.hpp>

#include <utility>

namespace conduit::rpc {

announced::announced(std::unique_ptr<detail::announcement_keeper> keeper) noexcept
    : keeper_(std::move(keeper)) {}
announced::announced(announced&&) noexcept = default;
announced& announced::operator=(announced&&) noexcept = default;
announced::~announced() = default;

bool announced::is_up() const noexcept { return keeper_->is_up(); }

task<std::error_code> announced::until_up() {
    while (!keeper_->is_up()) {
        keeper_->up().reset();
        const std::error_code ended = co_await keeper_->up().wait();
        if (ended) co_return ended;
    }
    co_return std::error_code();
}

std::optional<instance_id> announced::id() const noexcept { return keeper_->id(); }

const instance_offer& announced::offer() const noexcept { return keeper_->offer(); }

const std::string& announced::why() const noexcept { return keeper_->why(); }

std::uint64_t announced::times() const noexcept { return keeper_->times(); }

task<void> announced::update(std::uint32_t weight, std::vector<std::string> tags) {
    instance_update newer;
    newer.weight = weight;
    newer.tags = std::move(tags);
    return keeper_->update(newer);
}

task<void> announced::withdraw() { return keeper_->withdraw(); }

}  // namespace conduit::rpc

// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/announcement_keeper.hpp>
#include <conduit/rpc/detail/instance_rules.hpp>
#include <conduit/rpc/detail/matchmaker_verbs.hpp>
#include <conduit/rpc/detail/watch_pump.hpp>
#include <conduit/rpc/matchmaker.hpp>

#include <utility>

namespace conduit::rpc {

using detail::matchmaker_verbs;

matchmaker::matchmaker(matchmaker_client_options options)
    : state_(std::make_shared<matchmaker_verbs>(std::move(options))) {}

matchmaker::~matchmaker() { state_->shut(); }

instance_offer matchmaker::offer_of(std::string_view name, std::string at,
                                    const announce_options& options) {
    instance_offer offer;
    offer.name = name;
    offer.address = std::move(at);
    offer.version = options.version();
    offer.weight = options.weight();
    offer.tags = options.tags();
    return offer;
}

task<announced> matchmaker::announce(instance_offer offer, announce_options options) {
    instance_offer said = std::move(offer);
    if (auto checked = detail::check_offer(said); !checked) throw fault(checked.error());
    const bool waits = !options.is_in_background();
    auto keeper = std::make_unique<detail::announcement_keeper>(state_, std::move(said));
    if (waits) co_await keeper->announce_first();
    keeper->begin();
    co_return announced(std::move(keeper));
}

task<found_instances> matchmaker::lookup(instance_query query) {
    return matchmaker_verbs::lookup(state_, std::move(query));
}

task<found_instances> matchmaker::find(instance_query query) {
    return matchmaker_verbs::find(state_, std::move(query));
}

task<any_stream> matchmaker::open(instance_query query, connect_options* options) {
    return matchmaker_verbs::connect(state_, std::move(query), options);
}

stream<watch_event> matchmaker::watch(name_pattern pattern) {
    constexpr auto how = detail::watch_pump::start::must_be_there;
    return detail::watch_pump::events(
        std::make_unique<detail::watch_pump>(state_, std::move(pattern), how));
}

task<found_instances> matchmaker::list(name_pattern pattern, std::optional<index_key> after,
                                       std::uint32_t most) {
    return matchmaker_verbs::list(state_, std::move(pattern), std::move(after), most);
}

task<matchmaker_status> matchmaker::status() { return matchmaker_verbs::ask_status(state_); }

task<std::vector<waiting_client>> matchmaker::waits() {
    return matchmaker_verbs::ask_waits(state_);
}

bool matchmaker::is_connected() const noexcept { return state_->source().current() != nullptr; }

std::string matchmaker::where() const { return state_->source().name(); }

}  // namespace conduit::rpc

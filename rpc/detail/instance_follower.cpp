// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/instance_follower.hpp>
#include <conduit/rpc/detail/instance_rules.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <system_error>
#include <utility>

namespace conduit::rpc::detail {
namespace {

instance_query checked(instance_query query) {
    if (auto result = check_query(query); !result) throw fault(result.error());
    return query;
}

/// The same, of a query that is checked.
name_pattern name_in(const instance_query& query) { return name_pattern{query.name, false}; }

}  // namespace

instance_follower::instance_follower(std::shared_ptr<matchmaker_verbs> at,
                                     const instance_query& query, pool_options options)
    : at_(std::move(at)),
      view_(checked(query), at_->options().keep_missing()),
      pump_(at_, name_in(query), watch_pump::start::waits),
      pool_({}, opening(std::move(options))),
      tasks_(at_->tasks_context()) {
    tasks_.spawn(follow(), "balanced client");
}

/// Where the caller has no way of its own to open streams, addresses are taken as those of others.
pool_options instance_follower::opening(pool_options given) {
    if (given.opens_by()) return given;
    const connect_options how = given.connect();
    return given.opens_by(
        [this, how](std::string where) { return open(this, std::move(where), how); });
}

task<any_stream> instance_follower::open(instance_follower* self, std::string where,
                                         connect_options options) {
    connect_options own = std::move(options);
    const std::string address = std::move(where);
    auto stream = co_await try_call(matchmaker_verbs::open(address, &own));
    if (stream) co_return std::move(*stream);
    if (stream.error().code() == status::unavailable) {
        for (const instance& each : self->view_.instances()) {
            if (each.offer.address == address) self->at_->report_unreachable(each.id);
        }
    }
    throw fault(stream.error());
}

/// Events that came together are taken together, so that an instance that was only replaced at its
/// place keeps its connection.
task<void> instance_follower::follow() {
    while (!stop_requested()) {
        const auto expires = view_.next_deadline().value_or(clock::time_point::max());
        auto event = co_await within(expires, pump_.arrived().pop());
        if (stop_requested() || event.error() == errc::closed) co_return;
        const clock::time_point now = clock::now();
        if (event) view_.apply(*event, now);
        while (auto more = pump_.arrived().try_pop()) view_.apply(*more, now);
        view_.expire(now);
        pool_.set_addresses(view_.addresses());
        changed_.set();
        changed_.reset();
    }
}

known_instances instance_follower::known() const {
    known_instances all;
    all.at = view_.at();
    all.is_complete = view_.is_known();
    all.instances = view_.instances();
    all.kept = view_.kept();
    if (at_->source().current() != nullptr) return all;
    all.source = answer_source::cache;
    const clock::duration since = clock::now() - at_->source().lost_at();
    all.age = std::chrono::duration_cast<std::chrono::milliseconds>(since);
    return all;
}

task<std::error_code> instance_follower::until_changed() {
    const std::error_code ended = co_await changed_.wait();
    co_return ended;
}

task<void> instance_follower::close() {
    tasks_.request_stop();
    co_await pool_.drain();
}

}  // namespace conduit::rpc::detail

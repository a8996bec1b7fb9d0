// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/detail/connection_terms.hpp>

#include <utility>

namespace conduit::rpc {

void connection_counters::add(const connection_counters& more) noexcept {
    calls_made += more.calls_made;
    calls_served += more.calls_served;
    calls_refused += more.calls_refused;
    calls_cancelled += more.calls_cancelled;
    messages_refused += more.messages_refused;
    pings_received += more.pings_received;
    faults_of_peer += more.faults_of_peer;
    frames_skipped += more.frames_skipped;
    late_answers += more.late_answers;
    bytes_received += more.bytes_received;
    bytes_sent += more.bytes_sent;
}

connection::connection(any_stream over, const service_table& offers)
    : connection(std::move(over), offers, detail::connection_terms()) {}

connection::connection(any_stream over, const service_table& offers,
                       const connection_options& options)
    : connection(std::move(over), offers, detail::connection_terms(options)) {}

connection::connection(any_stream over)
    : state_(std::make_unique<detail::connection_state>(std::move(over), nullptr,
                                                        detail::connection_terms())) {}

connection::connection(any_stream over, const connection_options& options)
    : state_(std::make_unique<detail::connection_state>(std::move(over), nullptr,
                                                        detail::connection_terms(options))) {}

connection::connection(any_stream over, const service_table& offers, detail::connection_terms terms)
    : state_(
          std::make_unique<detail::connection_state>(std::move(over), &offers, std::move(terms))) {}

connection::~connection() = default;

bool connection::is_open() const noexcept { return state_->is_open(); }

event::wait_operation connection::until_greeted() noexcept {
    return state_->greeted_event().wait();
}

event::wait_operation connection::until_down() noexcept { return state_->down_event().wait(); }

bool connection::is_down() const noexcept { return state_->is_down(); }

task<void> connection::until_ended() { return state_->until_ended(); }

const std::optional<detail::wire_fault>& connection::why() const noexcept { return state_->why(); }

task<void> connection::drain() { return state_->drain(); }

void connection::start_draining() { state_->start_draining(); }

void connection::turn_away(std::string why) { state_->turn_away(std::move(why)); }

void connection::close() noexcept { state_->close_now(); }

const std::optional<credentials>& connection::peer() const noexcept { return state_->peer(); }

const std::string& connection::peer_name() const noexcept { return state_->peer_name(); }

const connection_counters& connection::counters() const noexcept { return state_->counters(); }

std::size_t connection::calls_served_now() const noexcept { return state_->served_now(); }

std::size_t connection::calls_made_now() const noexcept { return state_->made().taken(); }

detail::connection_state* connection::ready(const detail::method_row& method) noexcept {
    return state_->ready(method);
}

task<detail::connection_state*> connection::until_ready(const detail::method_row& method) {
    return state_->until_ready(method);
}

}  // namespace conduit::rpc

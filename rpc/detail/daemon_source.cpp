// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/received_handle.hpp>
#include <conduit/rpc/connect.hpp>
#include <conduit/rpc/detail/connection_state.hpp>
#include <conduit/rpc/detail/connection_terms.hpp>
#include <conduit/rpc/detail/daemon_source.hpp>
#include <conduit/rpc/detail/trusted_servers.hpp>
#include <conduit/runtime/timer.hpp>
#include <conduit/runtime/within.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

// Over TCP nothing else shows that the daemon's host is gone.
constexpr std::chrono::milliseconds tcp_keep_alive = 5s;
// Whatever a daemon says.
constexpr std::chrono::milliseconds wait_most = 60s;

task<any_stream> open_daemon(matchmaker_address place, connect_options options) {
    const matchmaker_address where = std::move(place);
    if (const std::string trouble = where.folder_trouble(); !trouble.empty()) {
        throw fault(status::unavailable, trouble).ran(false, true);
    }
    connect_options own = std::move(options);
    own.servers(trusted_at(where.where(), own.servers()));
    co_return co_await open_stream(where.text(), &own);
}

/// What it hands over are connections.
connection_options limits_of(const connect_options& how) {
    connection_options limits = how.connection();
    return limits.handles(handle_policy().only(handle_type::unix_socket));
}

}  // namespace

// --- one connection ---------------------------------------------------------------------------

class daemon_source::link final : public matchmaker_link, private connection_watcher {
public:
    link(any_stream over, const connect_options& options, std::string name, bool hands_over)
        : options_(options),
          connection_(std::move(over), &options_.offers(),
                      connection_terms(limits_of(options_).name(std::move(name)))),
          object_(connection_),
          hands_over_(hands_over) {
        connection_.watch(this);
    }
    ~link() override { connection_.watch(nullptr); }

    matchmaker_interface& object() noexcept override { return object_; }
    bool hands_over() const noexcept override { return hands_over_; }

    /// Set once the daemon has said who it is, or never will.
    event& settled() noexcept { return settled_; }
    bool is_usable() const noexcept { return connection_.greeted() && connection_.is_open(); }
    /// When it said to come back.
    std::optional<std::chrono::milliseconds> comes_back_after() const noexcept {
        return connection_.peer_comes_back_after();
    }
    std::string why() const {
        return connection_.why() ? connection_.why()->text : "the connection ended";
    }

    /// Calls under way end, and are made again elsewhere where that does no harm.
    void end() noexcept {
        connection_.close_now();
        settled_.set();
        lost().set();
    }

private:
    void places_changed() noexcept override {
        if (connection_.greeted() || !connection_.is_open()) settled_.set();
        if (!connection_.is_open()) lost().set();
    }
    void answered(const outgoing_call& /*call*/, std::uint32_t /*status*/) noexcept override {}

    connect_options options_;
    connection_state connection_;
    stub<matchmaker_interface> object_;
    bool hands_over_;
    event settled_;
};

// --- keeping one up ---------------------------------------------------------------------------

daemon_source::daemon_source(std::optional<matchmaker_address> place,
                             const matchmaker_client_options& options, context& under)
    : place_(std::move(place)),
      where_(place_ ? place_->text() : options.at()),
      options_(options),
      dice_(seed_from_kernel()),
      pause_(options.back_off_least(), options.back_off_most()),
      lost_at_(clock::now()),
      tasks_(under) {
    tasks_.spawn(run(), "matchmaker's connection");
}

daemon_source::~daemon_source() { shut(); }

void daemon_source::shut() noexcept {
    if (!shut_ && current() != nullptr) lost_at_ = clock::now();
    shut_ = true;
    if (current_ != nullptr) std::exchange(current_, nullptr)->end();
    tasks_.request_stop();
    tell();
}

std::string daemon_source::name() const { return quoted(where_); }

/// One that is lost may not have been noticed yet by keep().
matchmaker_link_ptr daemon_source::current() const noexcept {
    return current_ != nullptr && !current_->lost().is_set() ? current_ : nullptr;
}

clock::time_point daemon_source::lost_at() const noexcept {
    return current() != nullptr ? clock::now() : lost_at_;
}

void daemon_source::tell() noexcept {
    changed_.set();
    changed_.reset();
}

task<void> daemon_source::run() {
    while (!stop_requested() && !shut_) {
        current_ = co_await attempt();
        tell();
        if (current_ != nullptr) co_await hold(current_);
        if (stop_requested() || shut_) break;
        co_await pause();
    }
    shut();
}

/// Until it is lost.
task<void> daemon_source::hold(std::shared_ptr<link> there) {
    const std::shared_ptr<link> held = std::move(there);
    const std::error_code stopped = co_await held->lost().wait();
    if (stopped || shut_) co_return;
    current_ = nullptr;
    lost_at_ = clock::now();
    note_loss(*held);
    held->end();
}

task<void> daemon_source::pause() {
    // It said when, and nobody who asks makes that any sooner.
    const auto stopped = co_await sleep_until(not_before_);
    if (stopped) co_return;
    if (hopeless_) {
        co_await hurry_.wait();
    } else {
        co_await within(clock::now() + pause_.next(dice_), hurry_.wait());
    }
}

/// Null where it failed.
task<std::shared_ptr<daemon_source::link>> daemon_source::attempt() {
    std::shared_ptr<link> made;
    std::optional<fault> failure;
    hurry_.reset();
    try {
        auto opened = co_await within(options_.connect_within(), open());
        made = std::move(opened);
    } catch (const fault& why) {
        failure = why;
    } catch (const std::exception& why) {
        failure = fault(status::unavailable, quoted(where_) + ": " + why.what());
    }
    if (stop_requested() || shut_) co_return nullptr;
    if (made != nullptr) {
        pause_.reset();
        attempts_ = 0;
        hopeless_ = std::nullopt;
        if (std::exchange(complained_, false)) {
            lines_.write(log_level::info, "matchmaker " + name() + ": connected");
        }
        co_return std::move(made);
    }
    note_failure(*failure);
    co_return nullptr;
}

/// A daemon that is gone for good may leave a socket that goes on accepting for a while: only one
/// that has greeted counts.
task<std::shared_ptr<daemon_source::link>> daemon_source::open() {
    task<any_stream> opening =
        place_ ? open_daemon(*place_, options_.connect()) : options_.opens_by()(where_);
    any_stream stream = co_await std::move(opening);
    connect_options how = options_.connect();
    if (place_ && where_.starts_with("tcp:")) {
        connection_options limits = how.connection();
        how.connection(limits.keep_alive(tcp_keep_alive));
    }
    const bool hands_over = place_ && where_.starts_with("unix:");
    auto made = std::make_shared<link>(std::move(stream), how, where_, hands_over);
    const std::error_code ended = co_await made->settled().wait();
    if (!ended && made->is_usable()) co_return std::move(made);
    std::string why = made->why();
    if (ended) {
        why = "it did not say who it is within " +
              std::to_string(options_.connect_within().count()) + " ms (connect_within)";
    }
    note_wait(*made);
    made->end();
    throw fault(status::unavailable, quoted(where_) + ": " + why).ran(false, true);
}

void daemon_source::note_failure(const fault& why) {
    ++attempts_;
    why_ = why.text();
    if (why.code() == status::deadline_exceeded) {
        why_ += ": it took more than " + std::to_string(options_.connect_within().count()) +
                " ms (connect_within)";
    }
    hopeless_ = std::nullopt;
    if (why.code() == status::invalid_argument) {
        hopeless_ = fault(status::invalid_argument, "no matchmaker: " + why_).ran(false, true);
    }
    if (!std::exchange(complained_, true)) {
        lines_.write(log_level::info, "no matchmaker: " + why_ + "; trying again");
    }
}

/// One that is full says when to come back.
void daemon_source::note_wait(const link& lost) {
    const auto wait = lost.comes_back_after();
    if (wait) not_before_ = clock::now() + std::min(*wait, wait_most);
}

void daemon_source::note_loss(const link& lost) {
    note_wait(lost);
    why_ = name() + ": " + lost.why();
    if (!std::exchange(complained_, true)) {
        lines_.warn("lost the connection to matchmaker " + why_ + "; connecting again");
    }
}

// --- who asks ---------------------------------------------------------------------------------

void daemon_source::check_usable() const {
    if (hopeless_) throw fault(*hopeless_);
    if (shut_)
        throw fault(status::unavailable, "the matchmaker's client is closed").ran(false, true);
}

void daemon_source::throw_ended(std::error_code ended) const {
    const status code = ended == errc::timed_out ? status::deadline_exceeded : status::cancelled;
    std::string text = "no matchmaker yet: ";
    text += why_.empty() ? name() + ": no answer" : why_;
    if (attempts_ > 0) text += " (attempt " + std::to_string(attempts_) + ")";
    throw fault(code, text).ran(false, true);
}

/// Until it is time to come back, as it said.
fault daemon_source::not_yet() const {
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(not_before_ - clock::now());
    return fault(status::unavailable, "no matchmaker: " + why_).ran(false, true).retry_after(left);
}

task<matchmaker_link_ptr> daemon_source::reach() {
    const std::uint64_t before = attempts_;
    for (;;) {
        if (matchmaker_link_ptr there = current()) co_return std::move(there);
        if (shut_) check_usable();
        if (attempts_ > before) {
            check_usable();
            throw fault(status::unavailable, "no matchmaker: " + why_).ran(false, true);
        }
        if (clock::now() < not_before_) throw not_yet();
        hurry_.set();
        const std::error_code ended = co_await changed_.wait();
        if (ended) throw_ended(ended);
    }
}

task<matchmaker_link_ptr> daemon_source::until_reached() {
    for (;;) {
        if (matchmaker_link_ptr there = current()) co_return std::move(there);
        check_usable();
        const std::error_code ended = co_await changed_.wait();
        if (ended) throw_ended(ended);
    }
}

}  // namespace conduit::rpc::detail

// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/server_state.hpp>
#include <conduit/rpc/detail/server_team.hpp>
#include <conduit/rpc/detail/sets_when_gone.hpp>
#include <conduit/rpc/server_group.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/on.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_group.hpp>
#include <conduit/runtime/within.hpp>

#include <exception>
#include <system_error>
#include <vector>

namespace conduit::rpc {
namespace detail {
namespace {

using offer_functions = std::vector<std::function<void(server_state&)>>;
using team_pointer = std::shared_ptr<server_team>;

// --- on a worker: these own what they touch, for who asked may be gone ---------------------------

/// Holds a worker's server, until the group or the worker ends.
task<void> keep_server(team_pointer team, std::size_t index) {
    const team_pointer own = std::move(team);
    server_team::member& here = own->at(index);
    const int attempt = here.attempt;
    const std::error_code ended = co_await here.over.wait();
    static_cast<void>(ended);
    if (here.attempt == attempt) here.state.reset();
}

task<void> start_server(team_pointer team, std::size_t index, int attempt,
                        std::shared_ptr<const offer_functions> offers) {
    const team_pointer own = std::move(team);
    const std::shared_ptr<const offer_functions> all = std::move(offers);
    auto made = std::make_shared<server_state>(own->shares(), own, index);
    for (const auto& offer : *all) offer(*made);
    server_team::member& here = own->at(index);
    here.over.reset();
    here.attempt = attempt;
    here.state = std::move(made);
    scheduler::current().guests().spawn(keep_server(own, index), "rpc server");
    co_return;
}

/// The server, which stays alive for this. Throws where it has gone.
std::shared_ptr<server_state> server_of(const team_pointer& team, std::size_t index) {
    std::shared_ptr<server_state> found = team->at(index).state;
    if (found == nullptr) throw std::system_error(make_error_code(errc::cancelled));
    return found;
}

task<address> listen_there(team_pointer team, address where) {
    const auto server = server_of(team, server_team::lead);
    co_return co_await server->listen(std::move(where));
}

task<std::size_t> listen_at_inherited_there(team_pointer team) {
    const auto server = server_of(team, server_team::lead);
    co_return server->listen_at_inherited();
}

task<void> until_asked_there(team_pointer team) {
    const auto server = server_of(team, server_team::lead);
    co_await server->until_asked();
}

task<void> stop_listening_there(team_pointer team) {
    const auto server = server_of(team, server_team::lead);
    co_await server->stop_listening();
}

task<drain_outcome> drain_there(team_pointer team, std::size_t index) {
    const auto server = server_of(team, index);
    co_return co_await server->drain();
}

task<drain_outcome> cut_there(team_pointer team, std::size_t index) {
    const auto server = server_of(team, index);
    co_return co_await within(clock::duration::zero(), server->drain());
}

task<server_counters> counters_there(team_pointer team, std::size_t index) {
    const auto server = server_of(team, index);
    co_return server->counters();
}

/// What the server has counted in its life, which ends here and now.
task<server_counters> end_there(team_pointer team, std::size_t index) {
    const team_pointer own = std::move(team);
    server_team::member& here = own->at(index);
    server_counters last;
    if (here.state != nullptr) last = here.state->counters();
    here.over.set();
    here.state.reset();
    co_return last;
}

/// Runs `work` to its end although the task that waits for it is asked to stop.
template <class T>
task<T> unstopped(task<T> work, const char* name) {
    task<T> own = std::move(work);
    task_group apart(scheduler::current().guests().group_context());
    auto done = apart.spawn(std::move(own), name);
    co_await apart.join();
    co_return done.take();
}

bool is_stop(std::error_code why) noexcept {
    return why == errc::cancelled || why == errc::timed_out;
}

}  // namespace

// --- at home -------------------------------------------------------------------------------------

class group_state {
public:
    group_state(runtime& workers, server_options options)
        : drain_within_(options.drain_within()),
          team_(std::make_shared<server_team>(workers, std::move(options))) {}
    group_state(const group_state&) = delete;
    group_state& operator=(const group_state&) = delete;
    ~group_state() { end_servers(); }

    void add(std::function<void(server_state&)> offer) {
        CONDUIT_ASSERT(!started_, "everything is offered before a server listens or serves");
        offers_->push_back(std::move(offer));
    }

    task<address> listen(address where);
    task<std::size_t> listen_at_inherited();
    task<drain_outcome> run();
    void stop() {
        stopped_ = true;
        if (started_) team_->tell(server_team::lead, [](server_state& lead) { lead.stop(); });
    }
    task<drain_outcome> drain();
    task<server_counters> counters();
    task<server_stats> stats() { return team_->stats(); }
    void set_health(std::string service, health_state state);
    std::size_t connections_now() const { return team_->places()->connections(); }

private:
    scheduler& worker(std::size_t index) noexcept { return *team_->at(index).where; }

    task<void> start();
    void end_servers() noexcept;
    task<void> drain_all();
    task<drain_outcome> drain_worker(std::size_t index);
    task<drain_outcome> drain_within_grace() { co_return co_await within(drain_within_, drain()); }

    std::chrono::milliseconds drain_within_;
    team_pointer team_;
    std::shared_ptr<offer_functions> offers_ = std::make_shared<offer_functions>();
    bool started_ = false;
    int attempt_ = 0;
    bool stopped_ = false;
    bool draining_ = false;
    event drained_;
    drain_outcome outcome_;
    server_counters last_counters_;
};

task<void> group_state::start() {
    CONDUIT_ASSERT(!draining_, "a group that was drained does not listen again");
    if (started_) co_return;
    started_ = true;
    ++attempt_;
    std::exception_ptr failure;
    for (std::size_t i = 0; i < team_->size() && !failure; ++i) {
        try {
            co_await on(worker(i), start_server(team_, i, attempt_, offers_));
        } catch (...) {
            failure = std::current_exception();
        }
    }
    if (!failure) co_return;
    end_servers();
    started_ = false;
    std::rethrow_exception(failure);
}

/// Where a worker takes no more work it ends, and its server with it.
void group_state::end_servers() noexcept {
    for (std::size_t i = 0; started_ && i < team_->size(); ++i) {
        worker(i).post([team = team_, i, attempt = attempt_] {
            if (team->at(i).attempt == attempt) team->at(i).over.set();
        });
    }
}

task<address> group_state::listen(address where) {
    address own = std::move(where);
    co_await start();
    co_return co_await on(worker(server_team::lead), listen_there(team_, std::move(own)));
}

task<std::size_t> group_state::listen_at_inherited() {
    co_await start();
    co_return co_await on(worker(server_team::lead), listen_at_inherited_there(team_));
}

task<drain_outcome> group_state::run() {
    if (!started_) co_return drain_outcome();
    try {
        if (!stopped_) co_await on(worker(server_team::lead), until_asked_there(team_));
    } catch (const std::system_error& ended) {
        if (!is_stop(ended.code())) throw;
    }
    co_return co_await unstopped(drain_within_grace(), "rpc group drain");
}

task<drain_outcome> group_state::drain() {
    if (!started_) co_return outcome_;
    if (draining_) {
        co_await drained_.wait();
        co_return outcome_;
    }
    draining_ = true;
    const sets_when_gone tells(drained_);
    co_await drain_all();
    co_return outcome_;
}

task<void> group_state::drain_all() {
    auto stop_listening = on(worker(server_team::lead), stop_listening_there(team_));
    co_await unstopped(std::move(stop_listening), "rpc group stops listening");
    task_group workers;
    std::vector<child<drain_outcome>> outcomes;
    for (std::size_t i = 0; i < team_->size(); ++i) {
        outcomes.push_back(workers.spawn(drain_worker(i), "rpc worker drain"));
    }
    co_await workers.join();
    for (auto& each : outcomes) outcome_.add(each.take());
    // The objects go before this returns: they may refer to what goes next.
    for (std::size_t i = 0; i < team_->size(); ++i) {
        auto ending = on(worker(i), end_there(team_, i));
        const server_counters last = co_await unstopped(std::move(ending), "rpc worker end");
        last_counters_.add(last);
    }
}

/// One that was stopped before it began there is cut off all the same.
task<drain_outcome> group_state::drain_worker(std::size_t index) {
    try {
        co_return co_await on(worker(index), drain_there(team_, index));
    } catch (const std::system_error& ended) {
        if (!is_stop(ended.code())) throw;
    }
    co_return co_await unstopped(on(worker(index), cut_there(team_, index)), "rpc worker cut");
}

void group_state::set_health(std::string service, health_state state) {
    const auto set = [name = std::move(service), state](server_state& server) {
        server.set_health(name, state);
    };
    if (!started_) return offers_->push_back(set);
    for (std::size_t i = 0; i < team_->size(); ++i) team_->tell(i, set);
}

task<server_counters> group_state::counters() {
    server_counters all = last_counters_;
    if (drained_.is_set()) co_return all;
    for (std::size_t i = 0; started_ && i < team_->size(); ++i) {
        const server_counters of_one = co_await on(worker(i), counters_there(team_, i));
        all.add(of_one);
    }
    co_return all;
}

}  // namespace detail

namespace {

task<address> listen_at(detail::group_state* group, std::string where) {
    std::string why;
    auto parsed = address::parse(where, &why);
    if (!parsed) throw fault(status::invalid_argument, "cannot listen: " + why);
    co_return co_await group->listen(std::move(*parsed));
}

}  // namespace

server_group::server_group(runtime& workers, server_options options)
    : state_(std::make_unique<detail::group_state>(workers, std::move(options))) {}

server_group::~server_group() = default;

void server_group::add(const interface_row& row, std::function<made_object()> make) {
    state_->add([&row, made_by = std::move(make)](detail::server_state& server) {
        made_object made = made_by();
        server.add(row, made.address);
        server.keep(std::move(made.owner));
    });
}

task<address> server_group::listen(std::string where) {
    return listen_at(state_.get(), std::move(where));
}

task<address> server_group::listen(address where) { return state_->listen(std::move(where)); }

task<std::size_t> server_group::listen_at_inherited() { return state_->listen_at_inherited(); }

task<drain_outcome> server_group::run() { return state_->run(); }

void server_group::stop() { state_->stop(); }

task<drain_outcome> server_group::drain() { return state_->drain(); }

std::size_t server_group::connections_now() const { return state_->connections_now(); }

task<server_counters> server_group::counters() { return state_->counters(); }

task<server_stats> server_group::stats() { return state_->stats(); }

void server_group::set_health(std::string service, health_state state) {
    state_->set_health(std::move(service), state);
}

}  // namespace conduit::rpc

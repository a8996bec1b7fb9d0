// SPDX-License-Identifier: BSL-1.0
//
// A connection that offers procedures to a peer who sends anything (connection_script.hpp): it
// never crashes, keeps to its memory, and once the peer has gone it is down and serves nothing.

#include "connection_script.hpp"
#include "require.hpp"

#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/timer.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace {

using namespace std::chrono_literals;
using namespace conduit;

class service final : public fuzz::subject {
public:
    task<std::string> echo(std::string text) override { co_return text; }
    task<std::vector<std::uint32_t>> list(std::uint16_t size) override {
        co_return std::vector<std::uint32_t>(size);
    }
    task<void> wait(std::uint16_t ms) override {
        co_await sleep_for(std::chrono::milliseconds(ms));
    }
    task<void> fail(std::uint8_t how) override {
        if (how % 2 == 0) throw std::runtime_error("a failure of its own");
        throw rpc::fault(static_cast<rpc::status>(how % 17), "a fault");
        co_return;
    }
    task<rpc::one_way> note(std::string /*text*/) override { co_return rpc::one_way(); }
    stream<std::uint64_t> count(std::uint64_t limit) override {
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(limit, 100'000); ++i) co_yield i;
    }
    task<std::uint64_t> sum(stream<std::uint64_t> numbers) override {
        stream<std::uint64_t> own = std::move(numbers);
        std::uint64_t total = 0;
        while (auto number = co_await own.next()) total += *number;
        co_return total;
    }
    stream<std::string> chat(stream<std::string> said) override {
        stream<std::string> own = std::move(said);
        while (auto line = co_await own.next()) co_yield std::move(*line);
    }
};

task<> serve(fuzz::script actions) {
    auto ends = make_memory_stream_pair(16 * 1024);
    service object;
    rpc::service_table offers;
    offers.add<fuzz::subject>(object);
    rpc::connection peer(any_stream(std::move(ends.first)), offers, fuzz::narrow_options());
    co_await fuzz::play(ends.second, actions);
    ends.second.close();
    co_await peer.until_down();
    fuzz::require(peer.is_down(), "the peer has gone, and the connection is not down");
    co_await sleep_for(1h);  // for procedures that were asked to stop
    fuzz::require(peer.calls_served_now() == 0, "a procedure runs on for nobody");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    fuzz::simulate({input, size}, serve);
    return 0;
}

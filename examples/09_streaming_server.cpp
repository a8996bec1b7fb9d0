// SPDX-License-Identifier: BSL-1.0
//
// Answers a stream by a stream, until SIGINT or SIGTERM:
//
//     09_streaming_server [--once] [ADDRESS]           with --once until the last client has left
//
// 09_streaming_client is the other side.

#include "09_streaming.hpp"

#include <conduit/rpc/fault.hpp>
#include <conduit/rpc/server.hpp>
#include <conduit/runtime/run.hpp>

#include <cstddef>
#include <cstdio>
#include <deque>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

using namespace conduit;

namespace {

class calculates final : public statistics {
public:
    /// Asks for a sample when a mean is wanted. It ends with the samples, or where the client
    /// leaves: then next() does not return, and what is here is destroyed.
    stream<double> moving_mean(stream<double> samples, std::uint32_t window) override {
        stream<double> own = std::move(samples);
        if (window == 0 || window > window_max) {
            throw rpc::fault(rpc::status::invalid_argument,
                             "a window is 1 to " + std::to_string(window_max) + " samples");
        }
        std::deque<double> last;
        while (auto sample = co_await own.next()) {
            last.push_back(*sample);
            if (last.size() > window) last.pop_front();
            const double sum = std::accumulate(last.begin(), last.end(), 0.0);
            co_yield sum / static_cast<double>(last.size());
        }
    }

private:
    static constexpr std::uint32_t window_max = 1000;  // a client decides what it costs here
};

task<int> serve(std::string where, bool once) {
    const std::string address = std::move(where);
    calculates object;
    rpc::server server;
    server.offer<statistics>(object);
    try {
        co_await server.listen(address);
    } catch (const rpc::fault& why) {
        std::fprintf(stderr, "%s\n", why.what());
        co_return 1;
    }
    if (once) {
        co_await server.until_left();
        co_return 0;
    }
    const rpc::drain_outcome end = co_await server.run();
    co_return end.exit_status();
}

}  // namespace

int main(int argc, char** argv) {
    const bool once = argc > 1 && std::string_view(argv[1]) == "--once";
    const int next = once ? 2 : 1;
    return run_until_signal(serve(next < argc ? argv[next] : "unix:statistics.socket", once));
}

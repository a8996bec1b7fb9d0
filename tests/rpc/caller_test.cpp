// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/caller.hpp>

#include "../support/co_test.hpp"
#include "../support/rpc_subject.hpp"

#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/try_call.hpp>

#include <cstddef>
#include <utility>

using namespace conduit;

namespace {

/// Takes the connection anew for each call.
class counting_caller final : public rpc::caller {
public:
    explicit counting_caller(rpc::caller& through) noexcept : through_(through) {}

    rpc::detail::connection_state* ready(const rpc::detail::method_row& method) noexcept override {
        ++calls;
        return through_.ready(method);
    }
    task<rpc::detail::connection_state*> until_ready(
        const rpc::detail::method_row& method) override {
        return through_.until_ready(method);
    }

    std::size_t calls = 0;

private:
    rpc::caller& through_;
};

}  // namespace

CO_TEST_CASE("a stub asks its caller for a way with each call", "[rpc][caller]") {
    auto ends = make_memory_stream_pair();
    test::subject_server there;
    there.server.serve(any_stream(std::move(ends.first)));
    test::subject_client here(any_stream(std::move(ends.second)));
    counting_caller through(here.connection());
    rpc::stub<test::subject> remote(through);
    auto one = co_await remote.add(0, 1);
    auto two = co_await remote.add(one, 1);
    co_await here.close();
    auto late = co_await rpc::try_call(remote.add(1, 1));
    REQUIRE(two == 2);
    REQUIRE(through.calls == 3);
    REQUIRE(late.error().code() == rpc::status::unavailable);
}

// SPDX-License-Identifier: BSL-1.0
//
// The peer in the rpc rows: Cap'n Proto's two-party calls at the work of rpc_bench.cpp, as its
// users write it. A payload is read where it lies in the message, which no other of the programs
// does. Its own back-pressure paces the stream. Cap'n Proto does not count its system calls.
//
//     capnp_bench unary|stream|bulk unix|tcp <connections> <in flight> <bytes> [milliseconds]

#include "echo.capnp.h"
#include "raw/rpc_run.hpp"

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace {

/// KJ's own form of an address: "unix:<path>" or "127.0.0.1:<port>".
std::string target_of(const rpc_shape& shape, const std::string& address) {
    return shape.is_tcp ? address.substr(4) : address;
}

kj::Own<kj::NetworkAddress> resolve(kj::AsyncIoContext& io, const std::string& target) {
    return io.provider->getNetwork().parseAddress(target.c_str()).wait(io.waitScope);
}

class echo_server final : public peer::Echo::Server {
    kj::Promise<void> echo(EchoContext context) override {
        const auto payload = context.getParams().getPayload();
        context.getResults(capnp::MessageSize{8 + payload.size() / 8, 0}).setPayload(payload);
        return kj::READY_NOW;
    }

    kj::Promise<void> take(TakeContext context) override {
        context.getResults().setBytes(context.getParams().getPayload().size());
        return kj::READY_NOW;
    }

    kj::Promise<void> items(ItemsContext context) override {
        const auto params = context.getParams();
        return send_items(params.getTo(), kj::heapArray<const kj::byte>(params.getPayload()));
    }

    kj::Promise<void> send_items(peer::Echo::Receiver::Client to, kj::Array<const kj::byte> item) {
        auto request = to.itemRequest();
        request.setPayload(item);
        auto sent = request.send();
        return sent.then([this, to = kj::mv(to), item = kj::mv(item)]() mutable {
            return send_items(kj::mv(to), kj::mv(item));
        });
    }
};

void serve(const rpc_shape& shape, const std::string& address, rpc_side& mine) {
    kj::AsyncIoContext io = kj::setupAsyncIo();
    capnp::TwoPartyServer server(kj::heap<echo_server>());
    auto listener = resolve(io, target_of(shape, address))->listen();
    mine.listens_at(static_cast<int>(listener->getPort()));
    server.listen(*listener).wait(io.waitScope);
}

/// One of the calls in flight: as it ends the next one begins.
class caller {
public:
    caller(peer::Echo::Client stub, std::size_t size, rpc_side& mine)
        : stub_(kj::mv(stub)), text_(kj::heapArray<kj::byte>(size)), mine_(mine) {
        text_.asPtr().begin()[0] = 'a';
    }

    kj::Promise<void> echo() {
        const std::int64_t begun = mine_.begin();
        auto request = stub_.echoRequest(capnp::MessageSize{8 + text_.size() / 8, 0});
        request.setPayload(text_);
        return request.send().then([this, begun](auto&& reply) {
            if (reply.getPayload().size() != text_.size()) fail("a call by Cap'n Proto");
            mine_.done(begun);
            return echo();
        });
    }

    kj::Promise<void> take() {
        const std::int64_t begun = mine_.begin();
        auto request = stub_.takeRequest(capnp::MessageSize{8 + text_.size() / 8, 0});
        request.setPayload(text_);
        return request.send().then([this, begun](auto&& reply) {
            if (reply.getBytes() != text_.size()) fail("a call by Cap'n Proto");
            mine_.done(begun);
            return take();
        });
    }

private:
    peer::Echo::Client stub_;
    kj::Array<kj::byte> text_;
    rpc_side& mine_;
};

class item_receiver final : public peer::Echo::Receiver::Server {
public:
    item_receiver(std::size_t size, rpc_side& mine) : size_(size), mine_(mine) {}

    kj::Promise<void> item(ItemContext context) override {
        if (context.getParams().getPayload().size() != size_) fail("Cap'n Proto's stream");
        mine_.done(0);
        return kj::READY_NOW;
    }

private:
    const std::size_t size_;
    rpc_side& mine_;
};

kj::Promise<void> receive_items(peer::Echo::Client stub, std::size_t size, rpc_side& mine) {
    const auto item = kj::heapArray<kj::byte>(size);
    auto request = stub.itemsRequest();
    request.setPayload(item);
    request.setTo(kj::heap<item_receiver>(size, mine));
    return request.send().ignoreResult();
}

void call(const rpc_shape& shape, const std::string& address, rpc_side& mine) {
    kj::AsyncIoContext io = kj::setupAsyncIo();
    auto target = resolve(io, target_of(shape, address));
    kj::Vector<kj::Own<kj::AsyncIoStream>> streams;
    kj::Vector<kj::Own<capnp::TwoPartyClient>> servers;
    kj::Vector<kj::Own<caller>> callers;
    kj::Vector<kj::Promise<void>> running;
    for (int i = 0; i < shape.connections; ++i) {
        streams.add(target->connect().wait(io.waitScope));
        servers.add(kj::heap<capnp::TwoPartyClient>(*streams.back()));
        auto stub = servers.back()->bootstrap().castAs<peer::Echo>();
        if (shape.mode == "stream") running.add(receive_items(stub, shape.size, mine));
        for (int n = 0; shape.mode != "stream" && n < shape.in_flight; ++n) {
            callers.add(kj::heap<caller>(stub, shape.size, mine));
            running.add(shape.mode == "bulk" ? callers.back()->take() : callers.back()->echo());
        }
    }
    kj::joinPromises(running.releaseAsArray()).wait(io.waitScope);
}

}  // namespace

int main(int argc, char** argv) { return run_rpc({"capnp", serve, call}, argc, argv); }

// SPDX-License-Identifier: BSL-1.0
//
// The peer in the rpc rows: gRPC's callback API at the work of rpc_bench.cpp, as its users write
// it. Each connection is a channel of its own; a call begins when the one before it has ended, so
// many at a time. gRPC does not count its system calls.
//
//     grpc_bench unary|stream|bulk unix|tcp <connections> <in flight> <bytes> [milliseconds]

#include "echo.grpc.pb.h"
#include "raw/rpc_run.hpp"

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace {

/// gRPC's own form of an address: "unix:<path>" or "127.0.0.1:<port>".
std::string target_of(const rpc_shape& shape, const std::string& address) {
    return shape.is_tcp ? address.substr(4) : address;
}

// --- the server ---------------------------------------------------------------------------------

class item_writer : public grpc::ServerWriteReactor<peer::Text> {
public:
    explicit item_writer(const peer::Text& pattern) : pattern_(pattern) { write(); }

    void OnWriteDone(bool is_ok) override {
        if (!is_ok) return Finish(grpc::Status::OK);
        write();
    }
    void OnDone() override { delete this; }

private:
    void write() {
        item_.set_payload(pattern_.payload());
        StartWrite(&item_);
    }

    const peer::Text pattern_;
    peer::Text item_;
};

class echo_service : public peer::Echo::CallbackService {
    grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context, const peer::Text* request,
                                   peer::Text* reply) override {
        reply->set_payload(request->payload());
        grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

    grpc::ServerUnaryReactor* Take(grpc::CallbackServerContext* context, const peer::Text* request,
                                   peer::Size* reply) override {
        reply->set_bytes(request->payload().size());
        grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

    grpc::ServerWriteReactor<peer::Text>* Items(grpc::CallbackServerContext*,
                                                const peer::Text* request) override {
        return new item_writer(*request);
    }
};

void serve(const rpc_shape& shape, const std::string& address, rpc_side& mine) {
    echo_service service;
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(target_of(shape, address), grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (!server) fail("gRPC's server");
    mine.listens_at(port);
    server->Wait();
}

// --- the client ---------------------------------------------------------------------------------

/// Callbacks come from several threads.
class shared_side {
public:
    explicit shared_side(rpc_side& side) noexcept : side_(side) {}
    std::int64_t begin() {
        const std::lock_guard held(lock_);
        return side_.begin();
    }
    void done(std::int64_t begun) {
        const std::lock_guard held(lock_);
        side_.done(begun);
    }

private:
    rpc_side& side_;
    std::mutex lock_;
};

/// One of the calls in flight: as it ends the next one begins.
class caller {
public:
    caller(peer::Echo::Stub& stub, const rpc_shape& shape, shared_side& mine)
        : stub_(stub), is_bulk_(shape.mode == "bulk"), mine_(mine), text_(shape.size, 'a') {}

    void begin() {
        context_.emplace();
        begun_ = mine_.begin();
        request_.set_payload(text_);
        const auto ended = [this](const grpc::Status& status) { end(status); };
        if (is_bulk_) {
            stub_.async()->Take(&*context_, &request_, &size_, ended);
        } else {
            stub_.async()->Echo(&*context_, &request_, &reply_, ended);
        }
    }

private:
    void end(const grpc::Status& status) {
        const std::size_t size = is_bulk_ ? size_.bytes() : reply_.payload().size();
        if (!status.ok() || size != text_.size()) fail("a call by gRPC");
        mine_.done(begun_);
        begin();
    }

    peer::Echo::Stub& stub_;
    const bool is_bulk_;
    shared_side& mine_;
    const std::string text_;
    std::optional<grpc::ClientContext> context_;
    std::int64_t begun_ = 0;
    peer::Text request_;
    peer::Text reply_;
    peer::Size size_;
};

class item_reader : public grpc::ClientReadReactor<peer::Text> {
public:
    item_reader(peer::Echo::Stub& stub, const rpc_shape& shape, rpc_side& mine) : mine_(mine) {
        pattern_.set_payload(std::string(shape.size, 'a'));
        stub.async()->Items(&context_, &pattern_, this);
        StartRead(&item_);
        StartCall();
    }

    void OnReadDone(bool is_ok) override {
        if (!is_ok || item_.payload().size() != pattern_.payload().size()) fail("gRPC's stream");
        mine_.done(0);
        StartRead(&item_);
    }

private:
    rpc_side& mine_;
    grpc::ClientContext context_;
    peer::Text pattern_;
    peer::Text item_;
};

void call(const rpc_shape& shape, const std::string& address, rpc_side& mine) {
    shared_side shared(mine);
    std::vector<std::unique_ptr<peer::Echo::Stub>> stubs;
    std::vector<std::unique_ptr<caller>> callers;
    std::vector<std::unique_ptr<item_reader>> readers;
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    for (int i = 0; i < shape.connections; ++i) {
        stubs.push_back(peer::Echo::NewStub(grpc::CreateCustomChannel(
            target_of(shape, address), grpc::InsecureChannelCredentials(), arguments)));
        if (shape.mode == "stream") {
            readers.push_back(std::make_unique<item_reader>(*stubs.back(), shape, mine));
            continue;
        }
        for (int n = 0; n < shape.in_flight; ++n) {
            callers.push_back(std::make_unique<caller>(*stubs.back(), shape, shared));
        }
    }
    for (const auto& each : callers) each->begin();
    for (;;) rpc_detail::let_run(1000);
}

}  // namespace

int main(int argc, char** argv) { return run_rpc({"grpc", serve, call}, argc, argv); }

// SPDX-License-Identifier: BSL-1.0
//
// The bytes of a real connection, as they went by: "A conversation in bytes" in
// docs/reference/wire-protocol.md.

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/memory_stream.hpp>
#include <conduit/rpc/connection.hpp>
#include <conduit/rpc/interface.hpp>
#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/event.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using namespace conduit;

namespace wire_dump_test {

class calculator {
public:
    virtual ~calculator() = default;
    virtual task<double> add(double lhs, double rhs) = 0;
    virtual task<double> mean(stream<double> samples) = 0;
};
CONDUIT_INTERFACE(calculator, "demo.calculator.v1", (add, lhs, rhs), (mean, samples))

}  // namespace wire_dump_test

namespace {

using wire_dump_test::calculator;

class real_calculator final : public calculator {
public:
    task<double> add(double lhs, double rhs) override { co_return lhs + rhs; }
    task<double> mean(stream<double> samples) override {
        stream<double> in = std::move(samples);
        double sum = 0;
        double n = 0;
        while (auto sample = co_await in.next()) {
            sum += *sample;
            n += 1;
            sampled.set();
        }
        co_return sum / n;
    }

    event sampled;
};

/// A 0.5, and then nothing for as long as anybody waits.
stream<double> endless() {
    co_yield 0.5;
    event never;
    const std::error_code stopped = co_await never.wait();
    throw std::system_error(stopped);
}

task<rpc::status> status_of_mean(calculator* there, stream<double> samples) {
    auto mean = co_await rpc::try_call(there->mean(std::move(samples)));
    co_return mean ? rpc::status::ok : mean.error().code();
}

struct recorded {
    std::vector<std::byte> to_server;
    std::vector<std::byte> to_client;
};

/// The client's end of a connection, which keeps what goes by.
class recording_stream final : public stream_interface {
public:
    recording_stream(memory_stream end, recorded& into) : end_(std::move(end)), into_(&into) {}

    task<result<std::size_t>> read_some(std::span<std::byte> buffer) override {
        const result<std::size_t> got = co_await end_.read_some(buffer);
        if (got) keep(into_->to_client, buffer.first(*got));
        co_return got;
    }
    task<result<std::size_t>> write_some(std::span<const std::byte> bytes) override {
        const result<std::size_t> sent = co_await end_.write_some(bytes);
        if (sent) keep(into_->to_server, bytes.first(*sent));
        co_return sent;
    }
    task<result<void>> close_writing() override { co_return co_await end_.close_writing(); }
    void close() noexcept override { end_.close(); }
    bool is_open() const noexcept override { return end_.is_open(); }
    channel_traits traits() const noexcept override { return memory_stream::traits; }

private:
    static void keep(std::vector<std::byte>& into, std::span<const std::byte> bytes) {
        into.insert(into.end(), bytes.begin(), bytes.end());
    }

    memory_stream end_;
    recorded* into_;
};

/// What the blocks marked so show, one behind the other; nullopt stands for "..", any byte.
std::vector<std::optional<std::byte>> documented(const std::string& mark) {
    std::ifstream in(CONDUIT_SOURCE_DIR "/docs/reference/wire-protocol.md");
    std::vector<std::optional<std::byte>> bytes;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("```")) {
            inside = line == "```" + mark;
        } else if (inside) {
            std::istringstream words(line.substr(0, line.find('#')));
            for (std::string word; words >> word;) {
                bytes.emplace_back();
                if (word != "..") bytes.back() = static_cast<std::byte>(std::stoul(word, {}, 16));
            }
        }
    }
    return bytes;
}

std::string hex(std::optional<std::byte> byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    if (!byte) return "..";
    const auto value = static_cast<unsigned>(*byte);
    return {digits[value >> 4], digits[value & 15]};
}

/// Sixteen in a line; where the document masks a byte it is masked here as well.
std::string dump(const std::vector<std::byte>& bytes,
                 const std::vector<std::optional<std::byte>>& shown) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const bool masked = i < shown.size() && !shown[i];
        text += (masked ? ".." : hex(bytes[i])) + (i % 16 == 15 ? "\n" : " ");
    }
    return text;
}

std::string dump(const std::vector<std::optional<std::byte>>& shown) {
    std::string text;
    for (std::size_t i = 0; i < shown.size(); ++i) {
        text += hex(shown[i]) + (i % 16 == 15 ? "\n" : " ");
    }
    return text;
}

}  // namespace

CO_TEST_CASE("the document shows the bytes of a conversation", "[rpc][wire_dump]") {
    recorded went;
    real_calculator object;
    rpc::service_table offers;
    offers.add<calculator>(object);
    auto ends = make_memory_stream_pair();
    rpc::connection server(any_stream(std::move(ends.first)), offers);
    auto recording = std::make_unique<recording_stream>(std::move(ends.second), went);
    rpc::connection client(any_stream(std::unique_ptr<stream_interface>(std::move(recording))));
    rpc::stub<calculator> there(client);

    co_await client.until_greeted();
    const double three = co_await there.add(1, 2);
    const double seven = co_await there.add(3, 4);
    auto mean = scope.spawn(status_of_mean(&there, endless()));
    co_await object.sampled.wait();
    mean.request_stop();
    const rpc::status ended = co_await std::move(mean);
    co_await client.drain();

    REQUIRE(three == 3);
    REQUIRE(seven == 7);
    REQUIRE(ended == rpc::status::cancelled);
    const auto to_server = documented("to-server");
    const auto to_client = documented("to-client");
    CHECK(dump(went.to_server, to_server) == dump(to_server));
    CHECK(dump(went.to_client, to_client) == dump(to_client));
}

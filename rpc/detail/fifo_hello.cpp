// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/duplex_fifo.hpp>
#include <conduit/channels/fifo.hpp>
#include <conduit/channels/fifo_record_writer.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/rpc/detail/fifo_hello.hpp>
#include <conduit/runtime/backend/kernel.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

namespace conduit::rpc::detail {
namespace {

constexpr std::string_view greeting = "conduit fifo 1 ";
constexpr std::string_view digits = "0123456789abcdef";
constexpr std::size_t name_size = 32;

std::string fresh_name() {
    std::array<std::byte, name_size / 2> drawn{};
    current_kernel().random(drawn);
    std::string name;
    for (const std::byte each : drawn) {
        name += digits[std::to_integer<unsigned>(each >> 4)];
        name += digits[std::to_integer<unsigned>(each & std::byte{15})];
    }
    return name;
}

/// The two names of a pair, removed at the end. Ends that are open go on without them.
class pair_names {
public:
    explicit pair_names(std::string pair) : pair_(std::move(pair)) {}
    pair_names(const pair_names&) = delete;
    ~pair_names() { static_cast<void>(duplex_fifo::remove(pair_)); }

    result<void> make(std::string* why) const {
        auto in = make_fifo(pair_ + ".in", why);
        return in ? make_fifo(pair_ + ".out", why) : in;
    }
    const std::string& pair() const noexcept { return pair_; }

private:
    std::string pair_;
};

/// A client's end of its pair. The server may need the names until it has opened both: they go with
/// the first bytes that come from there.
class fifo_to_server final : public stream_interface {
public:
    fifo_to_server(duplex_fifo pair, std::unique_ptr<pair_names> names) noexcept
        : pair_(std::move(pair)), names_(std::move(names)) {}

    task<result<std::size_t>> read_some(std::span<std::byte> buffer) override {
        auto got = co_await pair_.read_some(buffer);
        if (got) names_.reset();
        co_return got;
    }
    task<result<std::size_t>> write_some(std::span<const std::byte> bytes) override {
        co_return co_await pair_.write_some(bytes);
    }
    task<result<lent_buffer>> receive_lent() override {
        auto got = co_await pair_.reader().receive_lent();
        if (got) names_.reset();
        co_return std::move(got);
    }
    task<result<void>> close_writing() override { co_return co_await pair_.close_writing(); }
    void close() noexcept override {
        names_.reset();
        pair_.close();
    }
    bool is_open() const noexcept override { return pair_.is_open(); }
    channel_traits traits() const noexcept override { return duplex_fifo::traits; }

private:
    duplex_fifo pair_;
    std::unique_ptr<pair_names> names_;
};

}  // namespace

task<result<any_stream>> connect_by_fifo(std::string path, std::string* why) {
    const std::string server = std::move(path);
    const std::string name = fresh_name();
    auto calls = co_await fifo_record_writer::open(server, fifo_options(), why);
    if (!calls) co_return calls.error();
    auto names = std::make_unique<pair_names>(server + "." + name);
    const auto made = names->make(why);
    if (!made) co_return made.error();
    const std::string hello = std::string(greeting) + name;
    auto told = co_await calls->write_record(conduit::bytes_of(hello), why);
    if (!told) co_return told.error();
    auto met = co_await duplex_fifo::create(names->pair(), fifo_options(), why);
    if (!met) co_return met.error();
    co_return any_stream(std::make_unique<fifo_to_server>(std::move(*met), std::move(names)));
}

std::optional<std::string> pair_named_by(std::span<const std::byte> record,
                                         const std::string& path) {
    std::string text;
    for (const std::byte each : record) text += static_cast<char>(each);
    if (text.size() != greeting.size() + name_size || !text.starts_with(greeting)) return {};
    const std::string name = text.substr(greeting.size());
    if (name.find_first_not_of(digits) != std::string::npos) return {};
    return path + "." + name;
}

task<result<any_stream>> open_named_pair(std::string pair) {
    const std::string own = std::move(pair);
    auto met = co_await duplex_fifo::open(own);
    if (!met) co_return met.error();
    co_return any_stream(std::move(*met));
}

}  // namespace conduit::rpc::detail

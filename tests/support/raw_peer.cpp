// SPDX-License-Identifier: BSL-1.0
#include "raw_peer.hpp"

#include <conduit/runtime/io_message.hpp>
#include <conduit/runtime/yield.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace conduit::test {

using namespace rpc::detail;

raw_peer::raw_peer(any_stream over, hearing with)
    : stream_(std::move(over)), reader_(reader_settings()) {
    if (with == hearing::hears) tasks_.spawn(read(), "raw peer");
}

task<bool> raw_peer::send(bytes what) {
    const bytes own = std::move(what);
    if (own.empty()) co_return true;
    const auto sent = co_await write_all(stream_, std::span(own));
    co_return sent.has_value();
}

task<bool> raw_peer::send_in_portions(bytes what, std::size_t portion) {
    const bytes own = std::move(what);
    auto rest = std::span(own);
    while (!rest.empty()) {
        const auto part = rest.first(std::min(portion, rest.size()));
        rest = rest.subspan(part.size());
        const auto sent = co_await write_all(stream_, part);
        if (!sent) co_return false;
        co_await yield();
    }
    co_return true;
}

task<bool> raw_peer::send_with(bytes what, std::vector<unique_fd> handles) {
    const bytes own = std::move(what);
    const std::vector<unique_fd> along = std::move(handles);
    outgoing_message message{std::span(own)};
    for (const unique_fd& each : along) {
        if (!message.attach(each)) co_return false;
    }
    const auto sent = co_await stream_.send(message);
    co_return sent.has_value() && *sent == own.size();
}

task<void> raw_peer::half_close() {
    const auto closed = co_await stream_.close_writing();
    static_cast<void>(closed);
}

task<void> raw_peer::until_told_off() { co_await ended_.wait(); }

task<void> raw_peer::until_ends(std::size_t calls) {
    while (ends.size() < calls && !ended_.is_set()) {
        heard_.reset();
        co_await heard_.wait();
    }
}

task<void> raw_peer::until_greeted() {
    while (!settings && !ended_.is_set()) {
        heard_.reset();
        co_await heard_.wait();
    }
}

task<void> raw_peer::read() {
    std::vector<std::byte> room(16 * 1024);
    for (;;) {
        const auto got = co_await stream_.read_some(std::span(room));
        if (!got || *got == 0) break;
        reader_.feed(std::span(room).first(*got), *this);
        if (reader_.broken()) is_proper = false;
        heard_.set();
    }
    ended_.set();
    heard_.set();
}

bool raw_peer::on_settings(const wire_settings& theirs) {
    settings = theirs;
    return true;
}

bool raw_peer::on_open(const open_event& event) {
    opens.push_back({event.stream, std::string(event.name)});
    argument_bytes += event.message.bytes.size();
    longest = std::max(longest, event.message.bytes.size() + event.name.size() + 1 +
                                    (event.deadline_us ? 8 : 0) + (event.message.sized ? 4 : 0));
    return true;
}

bool raw_peer::on_data(const data_event& event) {
    if (event.message.present) ++items;
    if (!event.ours) argument_bytes += event.message.bytes.size();
    longest = std::max(longest, event.message.bytes.size() + (event.message.sized ? 4 : 0));
    item_bytes += event.message.bytes.size();
    return true;
}

bool raw_peer::on_end(const end_event& event) {
    ends.push_back({event.stream, event.status, event.not_started,
                    bytes(event.message.begin(), event.message.end())});
    return true;
}

bool raw_peer::on_cancel(std::uint32_t /*stream*/, std::uint32_t /*status*/) {
    ++cancels;
    return true;
}

bool raw_peer::on_credit(std::uint32_t /*stream*/, bool /*ours*/, std::uint32_t given) {
    credit += given;
    return true;
}

bool raw_peer::on_ping(std::uint64_t value) {
    ++pings;
    last_ping.resize(sizeof value);
    rpc::detail::put_u64(last_ping.data(), value);
    return true;
}

bool raw_peer::on_pong(std::uint64_t value) {
    pongs.push_back(value);
    return true;
}

bool raw_peer::on_goaway(const goaway_event& event) {
    goaway = goaway_seen{event.reason, event.opens, std::string(event.text)};
    return true;
}

bool raw_peer::on_ignored(const frame_header& /*header*/) { return true; }

std::string first_string(const bytes& message) {
    if (message.size() < 4) return {};
    const std::size_t size = std::min<std::size_t>(get_u32(message.data()), message.size() - 4);
    std::string text(size, ' ');
    std::transform(message.begin() + 4, message.begin() + 4 + static_cast<std::ptrdiff_t>(size),
                   text.begin(), [](std::byte byte) { return static_cast<char>(byte); });
    return text;
}

std::string encoded_number(std::uint32_t number) {
    std::string out;
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift & 0xff);
    return out;
}

std::string encoded_text(std::string_view text) {
    return encoded_number(static_cast<std::uint32_t>(text.size())).append(text);
}

}  // namespace conduit::test

// SPDX-License-Identifier: BSL-1.0
#include "process_log.hpp"

#include <conduit/channels/fifo_options.hpp>
#include <conduit/channels/stream.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace word_count {
namespace {

constexpr char between = '\t';

}  // namespace

std::string log_record::to_text() const {
    return std::to_string(when.time_since_epoch().count()) + between + who + between + what;
}

std::optional<log_record> log_record::parse(std::string_view text) {
    const std::size_t first = text.find(between);
    if (first == std::string_view::npos) return std::nullopt;
    const std::size_t second = text.find(between, first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    std::int64_t nanoseconds = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + first, nanoseconds);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + first) return std::nullopt;
    log_record found;
    found.when = conduit::clock::time_point(conduit::clock::duration(nanoseconds));
    found.who = text.substr(first + 1, second - first - 1);
    found.what = text.substr(second + 1);
    return found;
}

conduit::task<process_log> process_log::open(std::string fifo, std::string who, remarks also) {
    std::string name = std::move(who);
    remarks from_conduit = std::move(also);
    const auto options = conduit::fifo_options().when_missing(conduit::fifo_missing::is_awaited);
    std::string why;
    auto writer = co_await conduit::fifo_record_writer::open(std::move(fifo), options, &why);
    if (!writer) throw std::runtime_error(why);
    co_return process_log(
        std::make_unique<inside>(std::move(*writer), std::move(name), std::move(from_conduit)));
}

conduit::task<> process_log::write(std::string what) {
    const log_record said{conduit::clock::now(), inside_->who, std::move(what)};
    std::string text = said.to_text();
    text.resize(std::min(text.size(), conduit::fifo_record_writer::payload_bytes_max));
    auto written = co_await inside_->writer.write_record(conduit::bytes_of(text));
    if (written.error() == std::errc::broken_pipe) inside_->writer.close();
}

conduit::task<> process_log::say(std::string what) {
    std::vector<std::string> all = inside_->also.take();
    all.push_back(std::move(what));
    auto alone = co_await inside_->one_at_a_time.lock();
    if (!alone) co_return;
    for (std::string& each : all) {
        if (inside_->writer.is_open()) co_await write(std::move(each));
    }
}

}  // namespace word_count

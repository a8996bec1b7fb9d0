// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/detail/socket_path.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/rpc/detail/instance_list.hpp>
#include <conduit/rpc/detail/list_source.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/io_handle.hpp>
#include <conduit/runtime/timer.hpp>

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

// Where the folder cannot be watched, such as one that is not there yet.
constexpr clock::duration look_every = 1s;
// An editor makes several changes at a time.
constexpr clock::duration settles_within = 5ms;
constexpr std::uint32_t writable_by_all = 0002;

fault cannot_read(const std::string& called, const std::string& why) {
    return fault(status::unavailable, fmt::format("no list of servers: {}: {}", called, why))
        .ran(false, true);
}

/// Those who may write it say where this user's calls go.
std::string permission_trouble(const unique_fd& file) {
    const auto found = current_kernel().status_of(file);
    if (!found) return found.error().message();
    if ((found->mode & writable_by_all) == 0) return {};
    return fmt::format("everybody may write it (mode {:04o})", found->mode);
}

}  // namespace

list_source::list_source(context& under) : lost_at_(clock::now()), tasks_(under) {}

list_source::list_source(std::string path, context& under) : list_source(under) {
    path_ = std::move(path);
    called_ = quoted("file:" + path_);
    list_ = std::make_shared<listed_matchmaker>(called_);
    tasks_.spawn(follow(), "list of servers");
}

std::unique_ptr<list_source> list_source::of_text(std::string_view text, context& under) {
    auto offers = parse_instance_list(text, "list", ';');
    if (!offers) throw fault(offers.error());
    std::unique_ptr<list_source> made(new list_source(under));
    made->called_ = "'list:'";
    made->list_ = std::make_shared<listed_matchmaker>(made->called_);
    made->list_->use(*offers, clock::now());
    made->has_list_ = true;
    return made;
}

list_source::~list_source() { shut(); }

void list_source::shut() noexcept {
    shut_ = true;
    tasks_.request_stop();
    list_->shut();
    changed_.set();
    changed_.reset();
}

std::string list_source::name() const { return called_; }

matchmaker_link_ptr list_source::current() const noexcept {
    return has_list_ && !shut_ ? list_ : nullptr;
}

clock::time_point list_source::lost_at() const noexcept {
    return has_list_ ? clock::now() : lost_at_;
}

// --- the file -----------------------------------------------------------------------------------

task<void> list_source::follow() {
    while (!stop_requested() && !shut_) {
        co_await until_written();
    }
    shut();
}

/// Watches before it reads, so that no change is missed between the two.
task<void> list_source::until_written() {
    io_handle folder;
    if (auto watch = current_kernel().watch_folder(folder_of(path_))) {
        auto attached = io_handle::attach(std::move(*watch));
        if (attached) folder = std::move(*attached);
    }
    co_await read_again();
    std::array<std::byte, 4096> ignored;
    if (!folder.is_open()) {
        co_await sleep_for(look_every);
        co_return;
    }
    auto changed = co_await folder.read_some(ignored);
    const clock::duration pause = changed ? settles_within : look_every;
    co_await sleep_for(pause);
}

task<void> list_source::read_again() {
    auto text = co_await read();
    if (shut_ || stop_requested()) co_return;
    if (!text) {
        note(text.error());
    } else if (has_list_ && *text == last_) {
        trouble_ = std::nullopt;
        list_->use_again(clock::now());
    } else if (auto offers = parse_instance_list(*text, path_)) {
        list_->use(*offers, clock::now());
        last_ = std::move(*text);
        has_list_ = true;
        trouble_ = std::nullopt;
    } else {
        note(offers.error());
    }
    changed_.set();
    changed_.reset();
}

task<result<std::string, fault>> list_source::read() {
    std::string why;
    auto file = co_await file_reader::open(path_, &why);
    if (!file) co_return cannot_read(called_, file.error().message());
    why = permission_trouble(file->handle().owned());
    if (!why.empty()) {
        fault refused(status::failed_precondition, called_ + ": " + why);
        co_return refused.ran(false, true);
    }
    std::string text;
    std::vector<char> buffer(std::size_t{16} * 1024);
    for (;;) {
        auto got = co_await file->read_some(std::as_writable_bytes(std::span(buffer)));
        if (!got) co_return cannot_read(called_, got.error().message());
        if (*got == 0) co_return text;
        text.append(buffer.data(), *got);
        if (text.size() <= instance_list_bytes_max) continue;
        fault refused(status::failed_precondition, fmt::format("{}: it is longer than {} bytes",
                                                               called_, instance_list_bytes_max));
        co_return refused.ran(false, true);
    }
}

void list_source::note(fault why) {
    const bool is_news = !trouble_ || trouble_->text() != why.text();
    trouble_ = std::move(why);
    if (!is_news || !has_list_) return;
    lines_.warn(std::string(trouble_->text()) + "; what it said before counts");
}

// --- who asks -----------------------------------------------------------------------------------

void list_source::check_usable() const {
    if (shut_)
        throw fault(status::unavailable, "the matchmaker's client is closed").ran(false, true);
    if (trouble_ && trouble_->code() != status::unavailable) throw fault(*trouble_);
}

task<matchmaker_link_ptr> list_source::reach() {
    if (current() == nullptr && !shut_) co_await read_again();
    if (matchmaker_link_ptr there = current()) co_return std::move(there);
    check_usable();
    if (trouble_) throw fault(*trouble_);
    throw fault(status::cancelled, "no list of servers yet: " + called_).ran(false, true);
}

task<matchmaker_link_ptr> list_source::until_reached() {
    // What was wrong may have been put right just now.
    if (current() == nullptr && trouble_) co_await read_again();
    for (;;) {
        if (matchmaker_link_ptr there = current()) co_return std::move(there);
        check_usable();
        const std::error_code ended = co_await changed_.wait();
        if (!ended) continue;
        const status code =
            ended == errc::timed_out ? status::deadline_exceeded : status::cancelled;
        const std::string why =
            trouble_ ? std::string(trouble_->text()) : "no list of servers yet: " + called_;
        throw fault(code, why).ran(false, true);
    }
}

}  // namespace conduit::rpc::detail

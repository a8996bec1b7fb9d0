// SPDX-License-Identifier: BSL-1.0
#include "ledger.hpp"

#include <utility>

namespace word_count {

using conduit::task;

task<std::error_code> ledger::until_changed() {
    changed_.reset();
    co_return co_await changed_.wait();
}

task<std::error_code> ledger::add(std::string text) {
    batch next;
    next.text = std::move(text);
    while (waiting_.size() >= waiting_max) {
        const auto stopped = co_await until_changed();
        if (stopped) co_return stopped;
    }
    next.number = next_number_++;
    waiting_.push_back(std::move(next));
    changed();
    co_return std::error_code();
}

void ledger::close() {
    closed_ = true;
    changed();
}

bool ledger::may_take(const std::string& worker) const {
    const auto held = in_hand_.find(worker);
    if (held != in_hand_.end() && held->second >= in_hand_max) return false;
    if (waiting_.empty()) return false;
    return bytes_taken_ + waiting_.front().text.size() <= reserved_from_ || worker == reserved_for_;
}

task<std::optional<batch>> ledger::take(std::string worker) {
    std::string by = std::move(worker);
    while (!may_take(by)) {
        if (is_settled()) co_return std::nullopt;
        const auto stopped = co_await until_changed();
        if (stopped) co_return std::nullopt;
    }
    batch next = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_taken_ += next.text.size();
    ++in_hand_[by];
    taken entry{next, std::move(by), conduit::clock::now()};
    taken_.emplace(next.number, std::move(entry));
    changed();
    co_return std::move(next);
}

std::optional<conduit::clock::duration> ledger::settle(std::uint64_t number) {
    const auto found = taken_.find(number);
    if (found == taken_.end()) {
        ++answered_twice_;
        return std::nullopt;
    }
    const auto took = conduit::clock::now() - found->second.since;
    bytes_settled_ += found->second.what.text.size();
    --in_hand_[found->second.by];
    taken_.erase(found);
    changed();
    return took;
}

returned_batches ledger::give_back(std::string_view worker) {
    returned_batches all;
    for (auto each = taken_.begin(); each != taken_.end();) {
        if (each->second.by != worker) {
            ++each;
            continue;
        }
        ++all.batches;
        all.bytes += each->second.what.text.size();
        bytes_taken_ -= each->second.what.text.size();
        waiting_.push_front(std::move(each->second.what));
        each = taken_.erase(each);
    }
    in_hand_.erase(std::string(worker));
    changed();
    return all;
}

void ledger::reserve(std::uint64_t bytes, std::uint64_t of) noexcept {
    reserved_from_ = of - bytes;
}

void ledger::reserve_for(std::string worker) {
    reserved_for_ = std::move(worker);
    changed();
}

void ledger::let_go() {
    reserved_from_ = UINT64_MAX;
    changed();
}

task<std::error_code> ledger::until_settled() {
    while (!is_settled()) {
        const auto stopped = co_await until_changed();
        if (stopped) co_return stopped;
    }
    co_return std::error_code();
}

}  // namespace word_count

// SPDX-License-Identifier: BSL-1.0

#include <conduit/rpc/detail/decode_state.hpp>

#include <string>

namespace conduit::rpc::detail {

bool decode_state::take_handle(std::uint32_t number, unique_fd& into, const std::byte* at) {
    if (number >= handles_.size() || !handles_[number].is_open()) {
        return fail(decode_errc::bad_handle, at, "a handle", number, handles_.size());
    }
    into = std::move(handles_[number]);
    ++taken_;
    return true;
}

bool decode_state::fail(decode_errc code, const std::byte* at, std::string_view what,
                        std::uint64_t wanted, std::uint64_t limit) {
    failure_ = std::make_unique<decode_failure>();
    failure_->code = code;
    failure_->what = what;
    failure_->wanted = wanted;
    failure_->limit = limit;
    failure_->offset = static_cast<std::size_t>(at - begin_);
    return false;
}

const std::byte* decode_state::truncated(const std::byte* at, std::uint64_t wanted,
                                         std::uint64_t left, std::string_view what) {
    fail(decode_errc::truncated, at, what, wanted, left);
    return nullptr;
}

bool decode_state::too_much_output(std::uint64_t bytes, const std::byte* at,
                                   std::string_view what) {
    return fail(decode_errc::too_much_output, at, what, output_ + bytes, limits_.output_bytes());
}

bool decode_state::too_many_elements(std::size_t count, const std::byte* at,
                                     std::string_view what) {
    return fail(decode_errc::too_many_elements, at, what, std::uint64_t{elements_} + count,
                limits_.elements());
}

bool decode_state::too_deep(const std::byte* at) {
    return fail(decode_errc::too_deep, at, "a struct", std::uint64_t{depth_} + 1, limits_.depth());
}

const std::byte* decode_state::in_field(std::string_view name) {
    std::string& path = failure_->path;
    if (!path.empty() && path.front() != '[') path.insert(0, 1, '.');
    path.insert(0, name);
    return nullptr;
}

const std::byte* decode_state::in_element(std::size_t index) {
    std::string& path = failure_->path;
    if (!path.empty() && path.front() != '[') path.insert(0, 1, '.');
    path.insert(0, "[" + std::to_string(index) + "]");
    return nullptr;
}

decode_result decode_state::finish(bool good, const std::byte* end) {
    if (good && taken_ != handles_.size()) {
        good = fail(decode_errc::surplus_handles, end, "the message", handles_.size(), taken_);
    }
    return good ? decode_result(output_) : decode_result(std::move(failure_));
}

}  // namespace conduit::rpc::detail

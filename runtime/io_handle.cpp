// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/backend.hpp>
#include <conduit/runtime/io_handle.hpp>

#include <algorithm>
#include <cstring>

namespace conduit {
namespace {

// The kernel moves at most this much in one call, which also keeps outcomes within 31 bits.
constexpr std::size_t transfer_max = 0x7ffff000;

}  // namespace

result<io_handle> io_handle::attach(unique_fd handle) {
    loop& here = loop::running();
    if (!handle) return std::make_error_code(std::errc::bad_file_descriptor);
    CONDUIT_ASSERT(handle.owner() == &here.backend->kernel(),
                   "a handle of one kernel was attached to a scheduler of another");
    auto made = here.backend->attach(std::move(handle));
    if (!made) return made.error();
    return io_handle(**made);
}

bool io_handle::is_open() const noexcept {
    return registration_ != nullptr && !registration_->closed;
}

void io_handle::forget() noexcept {
    if (registration_ != nullptr) std::exchange(registration_, nullptr)->release();
}

result<unique_fd> io_handle::detach() {
    if (!is_open()) return std::make_error_code(std::errc::bad_file_descriptor);
    if (registration_->taker != nullptr || registration_->giver != nullptr) {
        return std::make_error_code(std::errc::device_or_resource_busy);
    }
    auto handle = registration_->home->detach(*registration_);
    if (handle) forget();
    return handle;
}

result<int> io_handle::native() const {
    if (!is_open()) return std::make_error_code(std::errc::bad_file_descriptor);
    return registration_->handle.native();
}

const unique_fd& io_handle::owned() const noexcept {
    static const unique_fd none;
    return is_open() ? registration_->handle : none;
}

read_operation io_handle::read_some(std::span<std::byte> buffer) noexcept {
    CONDUIT_ASSERT(!buffer.empty(), "a read needs room for at least one byte");
    return {io_code::read, registration_, buffer.data(), std::min(buffer.size(), transfer_max)};
}

write_operation io_handle::write_some(std::span<const std::byte> bytes) noexcept {
    return {io_code::write, registration_, bytes.data(), std::min(bytes.size(), transfer_max)};
}

send_operation io_handle::send(const outgoing_message& message) noexcept {
    return {io_code::send, registration_, &message, 0};
}

receive_operation io_handle::receive(incoming_message& message) noexcept {
    CONDUIT_ASSERT(!message.buffer.empty(), "a receive needs room for at least one byte");
    return {io_code::receive, registration_, &message, 0};
}

splice_operation io_handle::splice_to(io_handle& to, std::size_t bytes) noexcept {
    return {io_code::splice, registration_, to.registration_, std::min(bytes, transfer_max)};
}

void io_handle::close() noexcept {
    if (!is_open()) return;
    CONDUIT_ASSERT(loop::current == nullptr || loop::current->backend == registration_->home,
                   "a channel is closed on the scheduler it was made on");
    registration_->home->close(*registration_);
}

open_operation open_file(const char* path, open_mode mode) noexcept {
    return {io_code::open, nullptr, path, static_cast<std::size_t>(mode)};
}

}  // namespace conduit

// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/received_handle.hpp>

#include <conduit/channels/unix_error.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/kernel.hpp>

namespace conduit {
namespace {

handle_type type_of(handle_kind kind, const unique_fd& handle, kernel& here) {
    switch (kind) {
        case handle_kind::pipe: return handle_type::pipe;
        case handle_kind::file: return handle_type::file;
        case handle_kind::process: return handle_type::process;
        case handle_kind::other: return handle_type::other;
        case handle_kind::stream_socket:
        case handle_kind::datagram_socket: break;
    }
    auto address = here.local_address(handle);
    if (!address) return handle_type::other;
    switch (address->get_family()) {
        case socket_address::family::ipv4:
        case socket_address::family::ipv6: return handle_type::inet_socket;
        case socket_address::family::unix_path: return handle_type::unix_socket;
        case socket_address::family::none: break;
    }
    return handle_type::other;
}

}  // namespace

handle_policy& handle_policy::per_message_max(std::size_t n) noexcept {
    CONDUIT_ASSERT(n <= handles_per_message_max, "a message carries 16 handles at most");
    per_message_max_ = n;
    return *this;
}

std::size_t handle_gate::waiting() const noexcept {
    return count_ != nullptr ? static_cast<std::size_t>(count_.use_count()) - 1 : 0;
}

result<received_handle> handle_gate::inspect(unique_fd handle) {
    kernel& here = current_kernel();
    auto kind = here.kind_of(handle);
    if (!kind) return kind.error();
    auto access = here.access_of(handle);
    if (!access) return access.error();
    received_handle seen;
    // What was opened to be named only has the type of the file, and can be neither read nor
    // written.
    const bool is_usable = access->reads || access->writes;
    seen.type_ = is_usable ? type_of(*kind, handle, here) : handle_type::other;
    if (!policy_.allows(seen.type_)) return make_error_code(unix_errc::handle_refused);
    seen.reads_ = access->reads;
    seen.writes_ = access->writes;
    seen.waiting_ = count_;
    seen.handle_ = std::move(handle);
    return seen;
}

result<std::vector<received_handle>> handle_gate::let_in(ancillary_data& came) {
    std::vector<unique_fd> handles = std::move(came.handles);
    came.handles.clear();
    std::vector<received_handle> seen;
    if (came.truncated) return make_error_code(unix_errc::message_truncated);
    if (handles.empty()) return seen;
    if (count_ == nullptr) count_ = std::make_shared<char>();
    if (handles.size() > policy_.per_message_max() ||
        handles.size() + waiting() > policy_.waiting_max()) {
        return make_error_code(unix_errc::too_many_handles);
    }
    seen.reserve(handles.size());
    for (unique_fd& each : handles) {
        auto one = inspect(std::move(each));
        if (!one) return one.error();
        seen.push_back(std::move(*one));
    }
    return seen;
}

}  // namespace conduit

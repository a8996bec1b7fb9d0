// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/any_stream.hpp>

namespace conduit {
namespace {

template <class T>
task<result<T>> not_supported() {
    co_return std::make_error_code(std::errc::not_supported);
}

}  // namespace

task<result<lent_buffer>> stream_interface::receive_lent() { return not_supported<lent_buffer>(); }

task<result<std::size_t>> stream_interface::send(const outgoing_message&) {
    return not_supported<std::size_t>();
}

task<result<std::size_t>> stream_interface::receive(incoming_message&) {
    return not_supported<std::size_t>();
}

task<result<credentials>> stream_interface::peer_credentials() {
    return not_supported<credentials>();
}

result<unique_fd> stream_interface::peer_process() const {
    return std::make_error_code(std::errc::not_supported);
}

}  // namespace conduit

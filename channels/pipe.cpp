// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/pipe.hpp>
#include <conduit/runtime/backend/kernel.hpp>

namespace conduit {
namespace {

result<io_handle> attach_pipe(unique_fd fd, bool for_writing) {
    kernel& here = current_kernel();
    auto kind = here.kind_of(fd);
    if (!kind) return kind.error();
    auto access = here.access_of(fd);
    if (!access) return access.error();
    const bool fits = for_writing ? access->writes : access->reads;
    if (*kind != handle_kind::pipe || !fits) {
        return std::make_error_code(std::errc::invalid_argument);
    }
    return io_handle::attach(std::move(fd));
}

}  // namespace

result<pipe_ends> make_pipe() {
    auto made = current_kernel().make_pipe();
    if (!made) return made.error();
    auto reader = pipe_reader::adopt(std::move(made->first));
    if (!reader) return reader.error();
    auto writer = pipe_writer::adopt(std::move(made->second));
    if (!writer) return writer.error();
    return pipe_ends{std::move(*reader), std::move(*writer)};
}

result<pipe_reader> pipe_reader::adopt(unique_fd fd) {
    auto handle = attach_pipe(std::move(fd), false);
    if (!handle) return handle.error();
    return pipe_reader(std::move(*handle));
}

result<pipe_writer> pipe_writer::adopt(unique_fd fd) {
    auto handle = attach_pipe(std::move(fd), true);
    if (!handle) return handle.error();
    return pipe_writer(std::move(*handle));
}

}  // namespace conduit

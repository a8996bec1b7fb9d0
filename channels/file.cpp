// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/file.hpp>

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/blocking.hpp>
#include <conduit/runtime/context.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace conduit {
namespace {

// Of one read in the pool, which needs memory of its own.
constexpr std::size_t pool_read_max = std::size_t{256} * 1024;

struct chunk {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
};

/// Owns all that it touches, since whoever waits for it may go.
class read_work {
public:
    read_work(kernel& here, unique_fd fd, std::size_t bytes_max)
        : kernel_(&here),
          fd_(std::move(fd)),
          size_(bytes_max),
          bytes_(std::make_unique_for_overwrite<std::byte[]>(bytes_max)) {}

    result<chunk> operator()() {
        const std::span<std::byte> room(bytes_.get(), size_);
        auto got = kernel_->read_file(fd_.handle(), room, disk_wait::allowed);
        if (!got) return got.error();
        chunk read;
        read.size = *got;
        read.bytes = std::move(bytes_);
        return read;
    }

private:
    kernel* kernel_;
    unique_fd fd_;
    std::size_t size_;
    std::unique_ptr<std::byte[]> bytes_;
};

void explain(std::string* why, std::string_view path, std::error_code error) {
    if (why != nullptr) *why = fmt::format("cannot open '{}': {}", path, error.message());
}

task<result<unique_fd>> open_path(std::string path, open_mode mode) {
    const std::string owned = std::move(path);
    if (owned.find('\0') != std::string::npos) {
        co_return std::make_error_code(std::errc::invalid_argument);
    }
    auto fd = co_await open_file(owned.c_str(), mode);
    if (!fd) co_return fd.error();
    auto status = current_kernel().status_of(*fd);
    if (!status) co_return status.error();
    using type = file_status::type;
    if (status->what == type::fifo) co_return std::make_error_code(std::errc::invalid_argument);
    if (status->what == type::directory) co_return std::make_error_code(std::errc::is_a_directory);
    co_return std::move(fd);
}

}  // namespace

task<result<file_reader>> file_reader::open(std::string path, std::string* why) {
    const std::string owned = std::move(path);
    auto fd = co_await open_path(owned, open_mode::read);
    if (!fd) {
        explain(why, owned, fd.error());
        co_return fd.error();
    }
    co_return adopt(std::move(*fd));
}

result<file_reader> file_reader::adopt(unique_fd fd) {
    kernel& here = current_kernel();
    auto access = here.access_of(fd);
    if (!access) return access.error();
    if (!access->reads) return std::make_error_code(std::errc::invalid_argument);
    auto kind = here.kind_of(fd);
    if (!kind) return kind.error();
    auto handle = io_handle::attach(std::move(fd));
    if (!handle) return handle.error();
    const auto what = *kind == handle_kind::file            ? source::file
                      : *kind == handle_kind::stream_socket ? source::socket
                                                            : source::other;
    return file_reader(std::move(*handle), what);
}

task<result<std::size_t>> file_reader::read_some(std::span<std::byte> buffer) {
    if (!is_file_ || !is_open() || stop_requested()) co_return co_await handle_.read_some(buffer);
    auto fd = handle_.native();
    if (!fd) co_return fd.error();
    auto at_once = current_kernel().read_file(*fd, buffer, disk_wait::refused);
    if (at_once.error() != std::errc::resource_unavailable_try_again) co_return at_once;
    if (scheduler::current().backend_name() == "uring") {
        co_return co_await handle_.read_some(buffer);
    }
    co_return co_await read_in_pool(*fd, buffer);
}

task<result<std::size_t>> file_reader::read_in_pool(int fd, std::span<std::byte> buffer) {
    kernel& here = current_kernel();
    auto own = here.duplicate_native(fd);
    if (!own) co_return own.error();
    read_work work(here, std::move(*own), std::min(buffer.size(), pool_read_max));
    auto read = co_await blocking(std::move(work));
    if (!read) co_return read.error();
    std::copy_n(read->bytes.get(), read->size, buffer.begin());
    co_return read->size;
}

task<result<file_writer>> file_writer::open(std::string path, open_mode mode, std::string* why) {
    CONDUIT_ASSERT(mode != open_mode::read, "a file_writer cannot be opened for reading");
    const std::string owned = std::move(path);
    auto fd = co_await open_path(owned, mode);
    if (!fd) {
        explain(why, owned, fd.error());
        co_return fd.error();
    }
    co_return adopt(std::move(*fd));
}

result<file_writer> file_writer::adopt(unique_fd fd) {
    kernel& here = current_kernel();
    auto access = here.access_of(fd);
    if (!access) return access.error();
    if (!access->writes) return std::make_error_code(std::errc::invalid_argument);
    auto kind = here.kind_of(fd);
    if (!kind) return kind.error();
    auto handle = io_handle::attach(std::move(fd));
    if (!handle) return handle.error();
    return file_writer(std::move(*handle), *kind == handle_kind::stream_socket);
}

result<file_reader> standard_input() {
    auto fd = current_kernel().duplicate_native(0);
    if (!fd) return fd.error();
    return file_reader::adopt(std::move(*fd));
}

result<file_writer> standard_output() {
    auto fd = current_kernel().duplicate_native(1);
    if (!fd) return fd.error();
    return file_writer::adopt(std::move(*fd));
}

}  // namespace conduit

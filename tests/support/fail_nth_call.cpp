// SPDX-License-Identifier: BSL-1.0
#include "fail_nth_call.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <string>
#include <utility>
#include <vector>

namespace conduit::test {
namespace {

class failing_kernel final : public kernel {
public:
    explicit failing_kernel(call_plan& plan) noexcept : plan_(plan) {}
    using kernel::spawn;

    clock::time_point now() noexcept override { return linux_kernel().now(); }
    void random(std::span<std::byte> into) noexcept override { return linux_kernel().random(into); }
    void close(int handle) noexcept override { return linux_kernel().close(handle); }
    result<int> native(int handle) const override { return linux_kernel().native(handle); }
    result<handle_kind> kind_of(const unique_fd& handle) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().kind_of(handle);
    }
    result<handle_access> access_of(const unique_fd& handle) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().access_of(handle);
    }
    result<file_status> status_of(const unique_fd& handle) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().status_of(handle);
    }
    result<std::pair<unique_fd, unique_fd>> make_pipe() override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().make_pipe());
    }
    result<std::pair<unique_fd, unique_fd>> make_socket_pair(socket_kind kind) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().make_socket_pair(kind));
    }
    result<unique_fd> make_socket(socket_family family, socket_kind kind) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().make_socket(family, kind));
    }
    result<unique_fd> duplicate(const unique_fd& handle) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().duplicate(handle));
    }
    result<unique_fd> duplicate_native(int descriptor) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().duplicate_native(descriptor));
    }
    result<std::size_t> read_file(int handle, std::span<std::byte> into,
                                  disk_wait waiting) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().read_file(handle, into, waiting);
    }
    result<void> make_durable(const std::string& path) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().make_durable(path);
    }
    result<void> bind(const unique_fd& socket, const socket_address& address) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().bind(socket, address);
    }
    result<void> listen(const unique_fd& socket, int backlog_max) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().listen(socket, backlog_max);
    }
    result<socket_address> local_address(const unique_fd& socket) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().local_address(socket);
    }
    result<socket_address> peer_address(const unique_fd& socket) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().peer_address(socket);
    }
    result<void> set_option(const unique_fd& socket, socket_option option, int value) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().set_option(socket, option, value);
    }
    result<credentials> peer_credentials(const unique_fd& socket) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().peer_credentials(socket);
    }
    result<std::vector<std::uint32_t>> peer_groups(const unique_fd& socket) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().peer_groups(socket);
    }
    result<std::size_t> unread_by_peer(const unique_fd& socket) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().unread_by_peer(socket);
    }
    result<std::optional<credentials>> next_sender(const unique_fd& socket) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().next_sender(socket);
    }
    result<unique_fd> peer_process(const unique_fd& socket, clock::time_point seen) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().peer_process(socket, seen));
    }
    result<void> make_directory(const std::string& path, unsigned mode) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().make_directory(path, mode);
    }
    result<void> make_fifo(const std::string& path, unsigned mode) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().make_fifo(path, mode);
    }
    result<unique_fd> open_fifo(const std::string& path, handle_access access) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().open_fifo(path, access));
    }
    result<pipe_content> look_into(const unique_fd& reader) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().look_into(reader);
    }
    result<void> keep_writes_apart(const unique_fd& writer) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().keep_writes_apart(writer);
    }
    result<file_status> status_of(const std::string& path) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().status_of(path);
    }
    result<unique_fd> open_place(const std::string& path) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().open_place(path));
    }
    result<unique_fd> watch_folder(const std::string& path) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().watch_folder(path);
    }
    result<void> change_mode(const std::string& path, unsigned mode) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().change_mode(path, mode);
    }
    result<void> change_mode(const unique_fd& handle, unsigned mode) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().change_mode(handle, mode);
    }
    result<void> remove(const std::string& path) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().remove(path);
    }
    result<void> rename(const std::string& from, const std::string& to) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().rename(from, to);
    }
    result<unique_fd> lock_file(const std::string& path) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().lock_file(path));
    }
    result<spawned_process> spawn(const spawn_request& program, spawn_failure& why) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().spawn(program, why));
    }
    std::uint32_t effective_user() override { return linux_kernel().effective_user(); }
    result<std::vector<inherited_handle>> take_inherited() override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().take_inherited();
    }
    result<unique_fd> open_process(std::int32_t pid) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().open_process(pid));
    }
    result<unique_fd> open_process(std::int32_t pid, clock::time_point seen) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().open_process(pid, seen));
    }
    result<void> signal_process(const unique_fd& process, int signal) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().signal_process(process, signal);
    }
    result<void> signal_group(const spawned_process& leader, int signal) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().signal_group(leader, signal);
    }
    void reap(const unique_fd& process) noexcept override { return linux_kernel().reap(process); }
    result<process_identity> identity_of(std::int32_t pid) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().identity_of(pid);
    }
    result<exit_status> how_ended(const unique_fd& process, std::int32_t pid) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().how_ended(process, pid);
    }
    result<std::uint32_t> user_named(const std::string& name) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().user_named(name);
    }
    result<std::vector<std::uint32_t>> members_of(const std::string& group) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().members_of(group);
    }
    std::optional<std::string> trusted_variable(const std::string& name) override {
        return linux_kernel().trusted_variable(name);
    }
    std::vector<std::string> environment() override { return linux_kernel().environment(); }
    result<void> make_blocking(const unique_fd& handle) override {
        if (plan_.strikes()) return plan_.error();
        return linux_kernel().make_blocking(handle);
    }
    result<unique_fd> make_memory_file(std::span<const std::byte> bytes) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().make_memory_file(bytes));
    }
    result<unique_fd> watch_signals(std::span<const int> signals) override {
        if (plan_.strikes()) return plan_.error();
        return owned(linux_kernel().watch_signals(signals));
    }

private:
    // A scheduler attaches only handles of its own kernel.
    unique_fd owned(unique_fd made) noexcept { return unique_fd(*this, made.release()); }
    result<unique_fd> owned(result<unique_fd> made) {
        if (!made) return made;
        return owned(std::move(*made));
    }
    result<std::pair<unique_fd, unique_fd>> owned(result<std::pair<unique_fd, unique_fd>> made) {
        if (!made) return made;
        return std::pair(owned(std::move(made->first)), owned(std::move(made->second)));
    }
    result<spawned_process> owned(result<spawned_process> made) {
        if (made) made->handle = owned(std::move(made->handle));
        return made;
    }

    call_plan& plan_;
};

class failing_backend final : public backend {
public:
    explicit failing_backend(call_plan& plan)
        : plan_(plan), kernel_(plan), inner_(make_epoll_backend(scheduler_options())) {}

    std::string_view name() const noexcept override { return inner_->name(); }
    conduit::kernel& kernel() noexcept override { return kernel_; }
    void enter() override { inner_->enter(); }
    void leave() noexcept override { inner_->leave(); }
    result<registration*> attach(unique_fd handle) override {
        if (plan_.strikes()) return plan_.error();
        auto made = inner_->attach(std::move(handle));
        if (made) (*made)->home = this;
        return made;
    }
    result<unique_fd> detach(registration& idle) noexcept override { return inner_->detach(idle); }
    void close(registration& ended) noexcept override { inner_->close(ended); }
    io_operation::progress start(io_operation& op) override { return inner_->start(op); }
    void cancel(io_operation& op) noexcept override { inner_->cancel(op); }
    void withdraw(io_operation& op) noexcept override { inner_->withdraw(op); }
    bool poll(clock::duration wait) override { return inner_->poll(wait); }
    void wake() noexcept override { inner_->wake(); }

private:
    call_plan& plan_;
    failing_kernel kernel_;
    std::unique_ptr<backend> inner_;
};

}  // namespace

std::unique_ptr<backend> make_backend_that_fails(call_plan& plan) {
    return std::make_unique<failing_backend>(plan);
}

}  // namespace conduit::test

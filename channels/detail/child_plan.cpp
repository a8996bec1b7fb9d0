// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/child_plan.hpp>
#include <conduit/runtime/backend/signal_numbers.hpp>

#include <algorithm>

namespace conduit {
namespace {

bool has_zero(std::string_view text) { return text.find('\0') != std::string_view::npos; }

std::string name_of(const std::string& variable) { return variable.substr(0, variable.find('=')); }

void remove_variable(std::vector<std::string>& all, const std::string& name) {
    std::erase_if(all, [&](const std::string& each) { return name_of(each) == name; });
}

std::error_code invalid() { return std::make_error_code(std::errc::invalid_argument); }

}  // namespace

process_parts::~process_parts() {
    if (!child.handle) return;
    if (owner->signal_process(child.handle, signal_number::kill)) owner->reap(child.handle);
}

void child_plan::default_streams(redirect input, redirect output) {
    if (program_.stream(0).what() == kind::unset) program_.input(std::move(input));
    if (program_.stream(1).what() == kind::unset) program_.output(std::move(output));
}

void child_plan::connect(int number, unique_fd end) {
    if (program_.stream(number).what() != kind::unset) return;
    program_.stream(number) = redirect::handle(std::move(end));
}

std::error_code child_plan::fail(start_failure::part what, std::error_code reason, std::string path,
                                 int number) {
    why_.what = what;
    why_.path = std::move(path);
    why_.number = number;
    why_.reason = reason;
    return reason;
}

result<process> child_plan::start() {
    if (auto filled = fill_words(); !filled) return filled.error();
    if (auto filled = fill_environment(); !filled) return filled.error();
    if (auto filled = fill_streams(); !filled) return filled.error();
    for (auto& [number, what] : program_.handles_) {
        if (what.error()) return fail(start_failure::part::handle, what.error(), {}, number);
        const bool blocking = what.what() == kind::channel;
        if (auto passed = pass(number, std::move(what.fd()), blocking); !passed) {
            return fail(start_failure::part::handle, passed.error(), {}, number);
        }
    }
    return spawn();
}

result<void> child_plan::fill_words() {
    request_.path = program_.words().front();
    request_.arguments = program_.words();
    request_.working_folder = program_.working_folder_;
    request_.leads_group = program_.leads_group_;
    request_.no_new_privileges = program_.no_new_privileges_;
    if (has_zero(request_.path)) {
        return fail(start_failure::part::program, invalid(), request_.path);
    }
    if (has_zero(request_.working_folder)) {
        return fail(start_failure::part::working_folder, invalid(), request_.working_folder);
    }
    if (std::any_of(request_.arguments.begin(), request_.arguments.end(), has_zero)) {
        return fail(start_failure::part::argument, invalid());
    }
    return {};
}

result<void> child_plan::fill_environment() {
    std::vector<std::string>& all = request_.environment;
    if (!program_.clean_environment_) all = current_kernel().environment();
    for (const auto& [name, value] : program_.variables_) {
        if (name.empty() || name.find('=') != std::string::npos || has_zero(name) ||
            (value && has_zero(*value))) {
            return fail(start_failure::part::argument, invalid());
        }
        remove_variable(all, name);
        if (value) all.push_back(name + "=" + *value);
    }
    return {};
}

result<void> child_plan::fill_streams() {
    for (int number = 0; number < 3; ++number) {
        if (auto filled = fill_stream(number); !filled) {
            return fail(start_failure::part::redirection, filled.error(), {}, number);
        }
    }
    return {};
}

result<void> child_plan::fill_stream(int number) {
    using use = enum spawn_request::file::use;
    redirect& asked = program_.stream(number);
    if (asked.error()) return asked.error();
    const bool reads = number == 0;
    switch (asked.what()) {
        case kind::unset:
        case kind::inherit: return {};
        case kind::null:
            request_.files.push_back({"/dev/null", reads ? use::read : use::append, number});
            return {};
        case kind::from_file:
        case kind::to_file:
        case kind::append_to:
            if (reads != (asked.what() == kind::from_file)) return invalid();
            if (has_zero(asked.text_or_path())) return invalid();
            request_.files.push_back({asked.text_or_path(),
                                      reads                             ? use::read
                                      : asked.what() == kind::append_to ? use::append
                                                                        : use::write_new,
                                      number});
            return {};
        case kind::handle: return pass(number, std::move(asked.fd()), false);
        case kind::channel: return pass(number, std::move(asked.fd()), true);
        case kind::text:
            if (!reads) return invalid();
            return pass(number,
                        current_kernel().make_memory_file(
                            std::as_bytes(std::span<const char>(asked.text_or_path()))),
                        false);
        case kind::capture:
            if (reads) return invalid();
            return make_pipe(number);
        case kind::pipe: return make_pipe(number);
        case kind::to_output:
            if (number != 2) return invalid();
            request_.errors_to_output = true;
            return {};
    }
    return {};
}

result<void> child_plan::pass(int number, result<unique_fd> fd, bool blocking) {
    if (!fd) return fd.error();
    if (!*fd) return std::make_error_code(std::errc::bad_file_descriptor);
    if (blocking) {
        if (auto changed = current_kernel().make_blocking(*fd); !changed) return changed.error();
    }
    request_.handles.emplace_back(fd->handle(), number);
    open_.push_back(std::move(*fd));
    return {};
}

result<void> child_plan::make_pipe(int number) {
    auto made = current_kernel().make_pipe();
    if (!made) return made.error();
    auto& [reader, writer] = *made;
    auto mine = io_handle::attach(std::move(number == 0 ? writer : reader));
    if (!mine) return mine.error();
    parts_.ends[number] = std::move(*mine);
    return pass(number, std::move(number == 0 ? reader : writer), true);
}

result<process> child_plan::spawn() {
    spawn_failure failure;
    kernel& here = current_kernel();
    auto child = here.spawn(request_, failure);
    if (!child) return explain(child.error(), failure);
    parts_.owner = &here;
    parts_.leads_group = program_.leads_group_;
    parts_.child = std::move(*child);
    auto watched = here.duplicate(parts_.child.handle);
    auto handle =
        watched ? io_handle::attach(std::move(*watched)) : result<io_handle>(watched.error());
    if (handle) parts_.handle = std::move(*handle);
    process started(std::move(parts_));  // ends the child where it cannot be watched
    if (!handle) return fail(start_failure::part::program, handle.error(), request_.path);
    return started;
}

std::error_code child_plan::explain(std::error_code reason, const spawn_failure& failure) {
    using part = start_failure::part;
    switch (failure.what) {
        case spawn_failure::part::program:
            return fail(
                reason == std::errc::argument_list_too_long ? part::argument : part::program,
                reason, request_.path);
        case spawn_failure::part::working_folder:
            return fail(part::working_folder, reason, request_.working_folder);
        case spawn_failure::part::file: {
            const auto file = std::find_if(
                request_.files.begin(), request_.files.end(),
                [&](const spawn_request::file& each) { return each.number == failure.number; });
            return fail(part::redirection, reason, file->path, failure.number);
        }
        case spawn_failure::part::handle:
            return fail(failure.number < 3 ? part::redirection : part::handle, reason, {},
                        failure.number);
    }
    return reason;
}

}  // namespace conduit

// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/outgoing_call.hpp>
#include <conduit/rpc/detail/stub_calls.hpp>
#include <conduit/rpc/dynamic_call.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace conduit::rpc {

namespace detail {

/// A method as it was described. Its row refers to it, so whatever uses the row keeps it.
struct described_method {
    method_description said;
    std::string full_name;
    method_row row;

    fault failure(status code, std::string_view what) const {
        return fault(code, full_name + ": " + std::string(what));
    }
    /// Where nothing was sent.
    fault refusal(std::string_view what) const {
        return failure(status::invalid_argument, what).ran(false, true);
    }
};

}  // namespace detail

struct dynamic_call::method final : detail::described_method {};

namespace {

using detail::described_method;
using method_pointer = std::shared_ptr<const described_method>;
using texts = std::optional<stream<std::string>>;

stream<std::string> throwing(fault why) {
    throw fault(why);
    co_return;
}

// --- values -------------------------------------------------------------------------------------

std::vector<std::byte> bytes_of(const described_method& method, std::string_view what,
                                const type_schema& schema, const std::string& text) {
    auto bytes = json_to_fields(schema, text);
    if (!bytes) throw method.refusal(std::string(what) + ": " + bytes.error());
    return std::move(*bytes);
}

/// False, with the reason in `why`, where the message is not what was described.
bool read_text(const type_schema& schema, detail::received_message message, std::string& into,
               std::string& why) {
    try {
        const auto limits = decode_limits::for_message(message.bytes.size());
        auto text = fields_to_json(schema, message.bytes, limits);
        if (text) {
            into = std::move(*text);
            return true;
        }
        why = text.error();
    } catch (const std::bad_alloc&) {
        why = "no memory";  // short enough to need none
    }
    return false;
}

template <class To>
void write_bytes(To& to, std::span<const std::byte> bytes) {
    std::copy(bytes.begin(), bytes.end(), to.begin(bytes.size()));
}

void launch_bytes(detail::outgoing_call& call, std::span<const std::byte> bytes) {
    const stop_reason stopped = current_context().why_stopped();
    if (stopped != stop_reason::none) detail::throw_stopped(call.method(), stopped);
    write_bytes(call, bytes);
    call.launch();
}

/// Sends the items of the parameter that is a stream.
task<void> pump_texts(detail::outgoing_call* call, method_pointer of, stream<std::string> given) {
    const method_pointer method = std::move(of);
    stream<std::string> items = std::move(given);
    try {
        std::size_t position = 0;
        while (auto text = co_await items.next()) {
            const std::string what = "item " + std::to_string(position++) + " of the parameter";
            const std::vector<std::byte> bytes =
                bytes_of(*method, what, *method->said.stream_items, *text);
            const result<void> may = co_await call->parameters()->until_ready();
            if (!may) co_return;  // the call is over, or about to be
            write_bytes(*call->parameters(), bytes);
            call->parameters()->send();
        }
        call->parameters()->finish();
    } catch (...) {
        call->abandon(std::current_exception());
    }
}

void check_shape(const described_method& method, bool streams, bool has_items) {
    if (streams != method.said.streams) {
        throw method.refusal(streams ? "its result is no stream" : "its result is a stream");
    }
    if (has_items && !method.said.stream_items) {
        throw method.refusal("items for a parameter that is a stream, but it has none");
    }
}

// --- one result ---------------------------------------------------------------------------------

class text_call final : public detail::outgoing_call {
public:
    text_call(detail::connection_state& on, const described_method& method)
        : outgoing_call(on, method.row), described_(&method) {}

    std::string take() {
        if (has_failed()) detail::throw_failure(*this);
        return std::move(text_);
    }

private:
    bool take_result(detail::received_message result, std::string& why) override {
        const auto& schema = described_->said.result;
        return !schema || read_text(*schema, result, text_, why);
    }

    const described_method* described_;
    std::string text_ = "null";
};

task<void> wait_for_end(method_pointer of, std::unique_ptr<text_call> call) {
    const method_pointer method = std::move(of);
    const std::unique_ptr<text_call> forgotten = std::move(call);
    co_await *forgotten;
}

task<std::string> call_for_text(caller* through, method_pointer of, std::string arguments,
                                texts given) {
    const method_pointer method = std::move(of);
    texts items = std::move(given);
    check_shape(*method, false, items.has_value());
    const std::vector<std::byte> bytes =
        bytes_of(*method, "the arguments", method->said.parameters, arguments);
    detail::connection_state* on = through->ready(method->row);
    if (on == nullptr) {
        on = co_await through->until_ready(method->row);
    }
    auto call = std::make_unique<text_call>(*on, *method);
    launch_bytes(*call, bytes);
    if (method->said.one_way) {
        scheduler::current().guests().spawn(wait_for_end(method, std::move(call)),
                                            "rpc one-way call");
        co_return "null";
    }
    task_group pumps;  // destroyed before the call
    if (method->said.stream_items) {
        stream<std::string> none;
        pumps.spawn(pump_texts(call.get(), method, std::move(items ? *items : none)),
                    "rpc parameter");
    }
    co_await *call;
    co_return call->take();
}

// --- a stream of results ------------------------------------------------------------------------

/// A base class, so that it goes after the call that refers to it.
struct method_holder {
    method_pointer method;
};

class text_stream_call final : private method_holder, public detail::stream_call {
public:
    text_stream_call(caller& through, method_pointer of, std::vector<std::byte> arguments,
                     stream<std::string> items)
        : method_holder{std::move(of)},
          stream_call(through, method->row),
          arguments_(std::move(arguments)),
          given_(std::move(items)) {}

    /// Takes the oldest item; ends the call where it is none.
    std::string take_item() {
        std::string text;
        std::string why;
        if (!read_text(*method->said.result, items().front(), text, why)) throw_bad_item(why);
        items().pop();
        return text;
    }

private:
    void send(detail::outgoing_call& call, task_group& pumps) override {
        launch_bytes(call, arguments_);
        if (!method->said.stream_items) return;
        pumps.spawn(pump_texts(&call, method, std::move(given_)), "rpc parameter");
    }

    std::vector<std::byte> arguments_;
    stream<std::string> given_;
};

stream<std::string> received_texts(std::unique_ptr<text_stream_call> made) {
    const std::unique_ptr<text_stream_call> call = std::move(made);
    while (!call->is_launched()) {
        call->rethrow();  // it may have failed before
        const std::error_code stopped = co_await call->until_launched();
        if (stopped) co_yield call->stopped_wait(stopped);
    }
    call->rethrow();
    for (;;) {
        const result<bool> came = co_await call->items().next();
        if (!came) {
            co_yield call->stopped_wait(came.error());
            continue;
        }
        if (!*came) break;
        std::string text = call->take_item();
        co_yield std::move(text);
    }
    while (!call->is_over()) {
        const std::error_code stopped = co_await call->until_over();
        if (stopped) co_yield call->stopped_wait(stopped);
    }
    call->rethrow();
}

stream<std::string> call_for_texts(caller& through, const method_pointer& of,
                                   const std::string& arguments, texts given) {
    try {
        check_shape(*of, true, given.has_value());
        auto call = std::make_unique<text_stream_call>(
            through, of, bytes_of(*of, "the arguments", of->said.parameters, arguments),
            given ? std::move(*given) : stream<std::string>());
        call->begin();
        return received_texts(std::move(call));
    } catch (const fault& why) {
        return throwing(why);
    }
}

// --- by name ------------------------------------------------------------------------------------

task<dynamic_call> find_method(caller* through, std::string full_name) {
    const std::size_t slash = full_name.find('/');
    const std::string interface = full_name.substr(0, slash);
    if (slash == std::string::npos || !detail::is_interface_name(interface) ||
        full_name.size() > 255) {
        throw fault(status::invalid_argument,
                    "a method is called interface/method, in at most 255 bytes")
            .ran(false, true);
    }
    stub<describer> about(*through);
    const interface_description said = co_await about.describe(interface);
    if (said.name != interface) {
        throw fault(status::internal, interface + ": the other side described another interface");
    }
    co_return dynamic_call(*through, said, std::string_view(full_name).substr(slash + 1));
}

}  // namespace

task<dynamic_call> dynamic_call::find(caller& through, std::string full_name) {
    return find_method(&through, std::move(full_name));
}

dynamic_call::dynamic_call(caller& through, const interface_description& described,
                           std::string_view name)
    : through_(&through) {
    if (const auto problem = problem_of(described)) {
        throw fault(status::internal, "a description that cannot be: " + *problem).ran(false, true);
    }
    const auto found = std::find_if(described.methods.begin(), described.methods.end(),
                                    [&](const auto& each) { return each.name == name; });
    if (found == described.methods.end()) {
        throw fault(status::not_found, described.name + " has no method of that name")
            .ran(false, true);
    }
    auto made = std::make_shared<method>();
    made->said = *found;
    made->full_name = described.name + "/" + found->name;
    detail::method_row& row = made->row;
    row.full_name = made->full_name;
    row.name = made->said.name;
    row.request_stream = found->stream_items.has_value();
    row.response_stream = found->streams;
    row.one_way = found->one_way;
    row.idempotent = found->idempotent;
    row.deadline = found->deadline.value_or(clock::duration::max());
    row.by_name = true;
    method_ = std::move(made);
}

const method_description& dynamic_call::description() const noexcept { return method_->said; }

std::string_view dynamic_call::full_name() const noexcept { return method_->full_name; }

namespace {

task<std::string> call_bounded(caller* through, const method_pointer& of, std::string arguments,
                               texts items) {
    auto call = call_for_text(through, of, std::move(arguments), std::move(items));
    if (!of->said.deadline) return call;
    return detail::call_within(*of->said.deadline, std::move(call));
}

}  // namespace

task<std::string> dynamic_call::call(std::string arguments) {
    return call_bounded(through_, method_, std::move(arguments), std::nullopt);
}
task<std::string> dynamic_call::call(std::string arguments, stream<std::string> items) {
    return call_bounded(through_, method_, std::move(arguments), std::move(items));
}

stream<std::string> dynamic_call::call_stream(const std::string& arguments) {
    return call_for_texts(*through_, method_, arguments, std::nullopt);
}
stream<std::string> dynamic_call::call_stream(const std::string& arguments,
                                              stream<std::string> items) {
    return call_for_texts(*through_, method_, arguments, std::move(items));
}

converted<std::string> dynamic_call::details_of(const fault& why) const {
    for (const error_description& each : method_->said.errors) {
        if (each.name != why.type()) continue;
        const auto& bytes = why.details();
        return fields_to_json(each.fields, bytes, decode_limits::for_message(bytes.size()));
    }
    return converted<std::string>::failed("no error that " + method_->full_name + " lists");
}

}  // namespace conduit::rpc

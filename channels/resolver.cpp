// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/resolver.hpp>
#include <conduit/runtime/blocking.hpp>
#include <conduit/runtime/event.hpp>
#include <conduit/runtime/scheduler.hpp>
#include <conduit/runtime/task_scope.hpp>

// Another Asio, of any version, may be in the program: what is compiled here has names of its own.
#define asio conduit_asio
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#undef asio

#include <algorithm>
#include <charconv>
#include <new>
#include <optional>
#include <utility>

namespace conduit {
namespace {

using addresses = std::vector<socket_address>;

class names_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "conduit.resolve"; }
    std::string message(int value) const override {
        switch (static_cast<resolve_errc>(value)) {
            case resolve_errc::host_not_found: return "host not found";
            case resolve_errc::service_not_found: return "service not found";
            case resolve_errc::try_again: return "no server of names answered";
            case resolve_errc::failed: return "the server of names cannot answer";
        }
        return "unknown";
    }
};

std::error_code from_asio_error(const std::error_code& error) {
    namespace said = conduit_asio::error;
    if (error == said::host_not_found || error == said::no_data) {
        return resolve_errc::host_not_found;
    }
    if (error == said::service_not_found || error == said::socket_type_not_supported) {
        return resolve_errc::service_not_found;
    }
    if (error == said::host_not_found_try_again) return resolve_errc::try_again;
    if (error == said::no_recovery) return resolve_errc::failed;
    if (error.category() == std::system_category()) return error_from_kernel(error.value());
    return resolve_errc::failed;
}

/// What is asked; it belongs to the thread that asks.
struct question {
    std::string host;
    std::string service;
    transport over;
};

socket_address address_of(const conduit_asio::ip::address& host, std::uint16_t port) {
    if (host.is_v4()) return socket_address::ipv4(host.to_v4().to_bytes(), port);
    const conduit_asio::ip::address_v6 v6 = host.to_v6();
    return socket_address::ipv6(v6.to_bytes(), port, static_cast<std::uint32_t>(v6.scope_id()));
}

template <class Protocol>
result<addresses> ask(const question& asked) {
    conduit_asio::io_context context;
    typename Protocol::resolver resolver(context);
    std::error_code error;
    const auto answers = resolver.resolve(asked.host, asked.service, error);
    if (error) return from_asio_error(error);
    addresses found;
    for (const auto& one : answers) {
        found.push_back(address_of(one.endpoint().address(), one.endpoint().port()));
    }
    if (found.empty()) return make_error_code(resolve_errc::host_not_found);
    return found;
}

result<addresses> ask_system(const question& asked) {
    try {
        if (asked.over == transport::udp) return ask<conduit_asio::ip::udp>(asked);
        return ask<conduit_asio::ip::tcp>(asked);
    } catch (const std::bad_alloc&) {
        return std::make_error_code(std::errc::not_enough_memory);
    } catch (const std::system_error& why) {
        return why.code();
    }
}

/// Names of services have a letter (RFC 6335 §5.1).
bool may_be_name(const std::string& service) noexcept {
    return service.empty() || std::any_of(service.begin(), service.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
           });
}

/// What can be said without asking, if anything can. getaddrinfo() would take port 65536 for 0, and
/// -80 for 65456.
std::optional<result<addresses>> answer_at_once(const question& asked) {
    const std::string& text = asked.service;
    if ((asked.host + text).find('\0') != std::string::npos) {
        return std::make_error_code(std::errc::invalid_argument);
    }
    std::uint16_t port = 0;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const auto [stopped, error] = std::from_chars(begin, end, port);
    if (stopped != end || stopped == begin) {
        if (may_be_name(text)) return std::nullopt;
        return make_error_code(resolve_errc::service_not_found);
    }
    if (error != std::errc()) return make_error_code(resolve_errc::service_not_found);
    auto address = socket_address::ip(asked.host, port);
    if (!address) return std::nullopt;
    return addresses{*address};
}

/// One look-up, and the wait for it, which may end first.
struct pending {
    event done;
    result<addresses> found = make_error_code(errc::cancelled);
};

task<> look_up(question asked, pending& into) {
    auto work = [own = std::move(asked)] { return ask_system(own); };
    into.found = co_await blocking(std::move(work));
    into.done.set();
}

}  // namespace

const std::error_category& resolve_category() noexcept {
    static const names_category the_category;
    return the_category;
}

std::error_code make_error_code(resolve_errc code) noexcept {
    return {static_cast<int>(code), resolve_category()};
}

task<result<std::vector<socket_address>>> resolve(std::string host, std::string service,
                                                  transport over) {
    question asked{std::move(host), std::move(service), over};
    if (auto known = answer_at_once(asked)) co_return std::move(*known);
    if (scheduler::current().backend_name() == "sim") {
        co_return std::make_error_code(std::errc::not_supported);
    }
    pending answer;
    task_scope scope;
    scope.spawn(look_up(std::move(asked), answer));
    const std::error_code ended = co_await answer.done.wait();
    if (ended) co_return ended;  // leaving the scope destroys the task, which abandons the call
    co_await scope.join();
    co_return std::move(answer.found);
}

}  // namespace conduit

// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker_address.hpp>

#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/detail/socket_path.hpp>
#include <conduit/rpc/detail/file_rights.hpp>
#include <conduit/rpc/detail/trusted_servers.hpp>
#include <conduit/runtime/assert.hpp>
#include <conduit/runtime/backend/kernel.hpp>

#include <fmt/format.h>

namespace conduit::rpc {
namespace {

constexpr std::string_view variable = "CONDUIT_MATCHMAKER";
constexpr std::string_view file_prefix = "file:";
constexpr std::string_view list_prefix = "list:";
constexpr std::string_view socket_name = "/matchmaker.sock";
constexpr std::string_view system_folder = "/run/conduit";

fault no_address(const std::string& text) { return fault(status::invalid_argument, text); }

std::string users_folder(std::uint32_t user) {
    const std::string own = fmt::format("/run/user/{}", user);
    auto found = current_kernel().status_of(own);
    const bool is_own = found && found->what == file_status::type::directory &&
                        found->owner == user && (found->mode & detail::writable_by_others) == 0;
    return is_own ? own + "/conduit" : fmt::format("/tmp/conduit-{}", user);
}

std::string not_held_by_root(const std::string& folder) {
    return fmt::format("{}: others than root can change the folders above it",
                       conduit::quoted(folder));
}

}  // namespace

matchmaker_address::matchmaker_address(rule chosen, std::string text, std::string chosen_by)
    : chosen_(chosen), text_(std::move(text)), chosen_by_(std::move(chosen_by)) {
    if (text_.starts_with(file_prefix)) {
        file_ = text_.substr(file_prefix.size());
    } else if (!text_.starts_with(list_prefix)) {
        where_ = address::parse(text_).value();
    }
}

result<matchmaker_address, fault> matchmaker_address::of_this_process() {
    const auto said = current_kernel().trusted_variable(std::string(variable));
    if (!said) return of_user();
    auto named = parse(*said);
    if (!named) return no_address(fmt::format("{}: {}", variable, named.error().text()));
    named->chosen_by_ = variable;
    return named;
}

matchmaker_address matchmaker_address::of_user() {
    const std::uint32_t user = current_kernel().effective_user();
    if (user == detail::root_user) return of_system();
    return {rule::user, fmt::format("unix:{}{}", users_folder(user), socket_name),
            fmt::format("user {}", user)};
}

matchmaker_address matchmaker_address::of_system() {
    return {rule::system, fmt::format("unix:{}{}", system_folder, socket_name), "the system"};
}

result<matchmaker_address, fault> matchmaker_address::parse(std::string_view text) {
    if (text == "user") return of_user();
    if (text == "system") return of_system();
    if (text.starts_with(file_prefix)) {
        const std::string_view path = text.substr(file_prefix.size());
        if (path.starts_with('/') && path.find('\0') == std::string_view::npos) {
            return matchmaker_address(rule::named, std::string(text), std::string(text));
        }
        return no_address(fmt::format("{}: the path of a file is absolute", conduit::quoted(text)));
    }
    if (text.starts_with(list_prefix)) {
        return matchmaker_address(rule::named, std::string(text), "a list");
    }
    std::string why;
    auto parsed = address::parse(text, &why);
    if (!parsed) {
        return no_address(why +
                          "; a matchmaker is at 'user', 'system', unix:, tcp:, file: or list:");
    }
    if (parsed->kind() == address_kind::tcp) {
        return matchmaker_address(rule::named, to_string(*parsed), to_string(*parsed));
    }
    if (parsed->kind() != address_kind::unix_socket) {
        return no_address(conduit::quoted(text) + ": a matchmaker is at a unix: or tcp: address");
    }
    if (!parsed->path().starts_with('/')) {
        return no_address(conduit::quoted(text) + ": the path of a matchmaker is absolute");
    }
    return matchmaker_address(rule::named, to_string(*parsed), to_string(*parsed));
}

const address& matchmaker_address::where() const {
    CONDUIT_ASSERT(where_.has_value(), "a list stands for the matchmaker: nobody listens there");
    return *where_;
}

const std::string& matchmaker_address::path() const noexcept {
    return where_ ? where_->path() : file_;
}

std::string matchmaker_address::folder_trouble() const {
    if (chosen_ == rule::named) return {};
    kernel& here = current_kernel();
    const std::string folder = folder_of(path());
    auto found = here.status_of(folder);
    if (found.error() == std::errc::no_such_file_or_directory) return {};
    if (!found) return fmt::format("{}: {}", conduit::quoted(folder), found.error().message());
    if (found->what != file_status::type::directory) {
        return conduit::quoted(folder) + " is no folder of its own, or a symbolic link";
    }
    if (chosen_ == rule::system) {
        if (!detail::is_held_by_root(folder_of(folder))) return not_held_by_root(folder);
        if ((found->mode & detail::writable_by_others) == 0) return {};
        return fmt::format("{} is writable by others (mode {:04o})", conduit::quoted(folder),
                           found->mode);
    }
    const std::uint32_t own = here.effective_user();
    if (found->owner != own) {
        return fmt::format("{} belongs to user {}, not to user {}", conduit::quoted(folder),
                           found->owner, own);
    }
    if ((found->mode & detail::open_to_others) == 0) return {};
    return fmt::format("{} is open to others (mode {:04o}, where 0700 is wanted)",
                       conduit::quoted(folder), found->mode);
}

result<void, fault> matchmaker_address::make_folder() const {
    if (chosen_ != rule::named) {
        const std::string folder = folder_of(path());
        const unsigned mode = chosen_ == rule::system ? 0755 : 0700;
        auto made = current_kernel().make_directory(folder, mode);
        if (made) made = current_kernel().change_mode(folder, mode);  // whatever the umask
        if (!made && made.error() != std::errc::file_exists) {
            return fault(
                status::unavailable,
                fmt::format("cannot make {}: {}", conduit::quoted(folder), made.error().message()));
        }
    }
    std::string trouble = folder_trouble();
    if (trouble.empty()) return {};
    return fault(status::unavailable, trouble);
}

allowed_users matchmaker_address::servers() const {
    return where_ ? detail::trusted_at(*where_, {}) : allowed_users();
}

}  // namespace conduit::rpc

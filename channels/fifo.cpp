// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/detail/fifo_opening.hpp>
#include <conduit/channels/fifo.hpp>

namespace conduit {

result<void> make_fifo(const std::string& path, std::string* why) {
    if (auto usable = check_fifo_path(path, why); !usable) return usable;
    kernel& here = current_kernel();
    constexpr unsigned for_owner_only = 0600;
    const auto made = here.make_fifo(path, for_owner_only);
    if (made) return made;
    if (made.error() != std::errc::file_exists) return refuse_fifo(path, made.error(), why);
    const auto found = here.status_of(path);
    if (!found) return refuse_fifo(path, found.error(), why);
    return check_fifo(path, *found, fifo_options(), why);
}

result<void> remove_fifo(const std::string& path, std::string* why) {
    if (auto usable = check_fifo_path(path, why); !usable) return usable;
    kernel& here = current_kernel();
    const auto found = here.status_of(path);
    if (!found) return refuse_fifo(path, found.error(), why);
    if (auto ours = check_fifo(path, *found, fifo_options(), why); !ours) return ours;
    const auto removed = here.remove(path);
    if (!removed) return refuse_fifo(path, removed.error(), why);
    return removed;
}

result<fifo_path> compare_path(const std::string& path, const fifo_identity& with) {
    const auto found = current_kernel().status_of(path);
    if (found.error() == std::errc::no_such_file_or_directory) return fifo_path::missing;
    if (!found) return found.error();
    return identity_of(*found) == with ? fifo_path::same : fifo_path::replaced;
}

}  // namespace conduit

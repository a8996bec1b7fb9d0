// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/sim_names.hpp>

#include <cerrno>
#include <utility>
#include <vector>

namespace conduit {
namespace {

constexpr std::size_t path_bytes_max = 4095;
constexpr std::size_t name_bytes_max = 255;

bool is_folder(const sim_inode& found) noexcept {
    return found.about.what == file_status::type::directory;
}

}  // namespace

sim_names::sim_names(sim_world& world) : world_(world) {
    for (const auto& [path, mode] : {std::pair("", 0755U), {"/tmp", 01777U}, {"/run", 0755U}}) {
        constexpr auto folder = file_status::type::directory;
        all_[path] = world_.make_inode(folder, sim_world::device::names, mode);
    }
}

result<std::string> sim_names::place_of(const std::string& path) const {
    if (path.empty()) return error_from_kernel(ENOENT);
    if (path.size() > path_bytes_max) return error_from_kernel(ENAMETOOLONG);
    std::string place;
    for (std::size_t at = 0; at < path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        const std::string name = path.substr(at, end - at);
        at = end + 1;
        if (name.empty() || name == ".") continue;
        const auto folder = all_.find(place);  // which the part before this name must be
        if (folder == all_.end()) return error_from_kernel(ENOENT);
        if (!is_folder(*folder->second)) return error_from_kernel(ENOTDIR);
        if (name.size() > name_bytes_max) return error_from_kernel(ENAMETOOLONG);
        if (name == "..") {
            place.erase(place.empty() ? 0 : place.rfind('/'));
        } else {
            place += '/' + name;
        }
    }
    return place;
}

result<sim_names::inode_ptr> sim_names::find(const std::string& path) const {
    const auto place = place_of(path);
    if (!place) return place.error();
    const auto found = all_.find(*place);
    if (found == all_.end()) return error_from_kernel(ENOENT);
    return found->second;
}

result<sim_names::inode_ptr> sim_names::make(const std::string& path, file_status::type what,
                                             unsigned mode) {
    const auto place = place_of(path);
    if (!place) return place.error();
    if (all_.contains(*place)) return error_from_kernel(EEXIST);
    auto made = world_.make_inode(what, sim_world::device::names, mode & ~sim_world::umask);
    all_[*place] = made;
    return made;
}

bool sim_names::is_empty_folder(const std::string& place) const {
    const auto next = all_.lower_bound(place + '/');
    return next == all_.end() || !next->first.starts_with(place + '/');
}

result<void> sim_names::remove(const std::string& path) {
    const auto place = place_of(path);
    if (!place) return place.error();
    const auto found = all_.find(*place);
    if (found == all_.end()) return error_from_kernel(ENOENT);
    if (place->empty()) return error_from_kernel(EBUSY);
    if (is_folder(*found->second) && !is_empty_folder(*place)) return error_from_kernel(ENOTEMPTY);
    all_.erase(found);
    return {};
}

result<void> sim_names::may_replace(const sim_inode& moved, const std::string& to) const {
    const auto there = all_.find(to);
    if (there == all_.end()) return {};
    if (is_folder(moved) && !is_folder(*there->second)) return error_from_kernel(ENOTDIR);
    if (!is_folder(moved) && is_folder(*there->second)) return error_from_kernel(EISDIR);
    if (is_folder(moved) && !is_empty_folder(to)) return error_from_kernel(ENOTEMPTY);
    return {};
}

result<void> sim_names::rename(const std::string& from, const std::string& to) {
    const auto old_place = place_of(from);
    if (!old_place) return old_place.error();
    const auto new_place = place_of(to);
    if (!new_place) return new_place.error();
    const auto found = all_.find(*old_place);
    if (found == all_.end()) return error_from_kernel(ENOENT);
    if (old_place->empty() || new_place->empty()) return error_from_kernel(EBUSY);
    if (*old_place == *new_place) return {};
    if (new_place->starts_with(*old_place + '/')) return error_from_kernel(EINVAL);
    if (auto may = may_replace(*found->second, *new_place); !may) return may.error();
    all_[*new_place] = found->second;
    all_.erase(found);
    std::vector<std::string> inside;
    for (auto at = all_.lower_bound(*old_place + '/');
         at != all_.end() && at->first.starts_with(*old_place + '/'); ++at) {
        inside.push_back(at->first);
    }
    for (const std::string& each : inside) {
        auto node = all_.extract(each);
        node.key().replace(0, old_place->size(), *new_place);
        all_.insert(std::move(node));
    }
    return {};
}

}  // namespace conduit

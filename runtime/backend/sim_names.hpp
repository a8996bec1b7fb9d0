// SPDX-License-Identifier: BSL-1.0
//
// The names of a simulated file system: folders, FIFOs, sockets and lock files, no contents. "/tmp"
// and "/run" are there from the start and belong to the simulated user. A path that does not begin
// with a slash begins at the root. There are no links.
//
//     sim_names names(world);
//     auto made = names.make("/run/x", file_status::type::fifo, 0600);

#pragma once

#include <conduit/runtime/backend/sim_open.hpp>
#include <conduit/runtime/result.hpp>

#include <map>
#include <memory>
#include <string>

namespace conduit {

/// Errors are those of Linux.
class sim_names {
public:
    using inode_ptr = std::shared_ptr<sim_inode>;

    explicit sim_names(sim_world& world);

    result<inode_ptr> find(const std::string& path) const;
    /// The bits of the umask are taken from `mode`.
    result<inode_ptr> make(const std::string& path, file_status::type what, unsigned mode);
    result<void> remove(const std::string& path);
    /// Replaces what has the name, at once.
    result<void> rename(const std::string& from, const std::string& to);

private:
    using map = std::map<std::string, inode_ptr>;

    /// Where a name is, or would be; fails when its folder is not there.
    result<std::string> place_of(const std::string& path) const;
    bool is_empty_folder(const std::string& place) const;
    result<void> may_replace(const sim_inode& moved, const std::string& to) const;

    sim_world& world_;
    map all_;  // by absolute path, without a slash at the end; the root is ""
};

}  // namespace conduit

// SPDX-License-Identifier: BSL-1.0
//
// A file system that is full after a few bytes or names, or can be made read-only: a tmpfs in a
// mount namespace of its own, so only in a helper process (child.hpp), which has no threads yet.
//
//     const test::helper fills_up("fills up", [](const test::helper_arguments&) {
//         return test::on_tiny_tmpfs("nr_inodes=3", [](test::tiny_tmpfs& place) {
//             return place.path().empty() ? 1 : 0;         // the exit code; 0 is success
//         });
//     });
//
//     TEST_CASE("...") { test::pass_helper("fills up"); }  // a visible skip where it is forbidden

#pragma once

#include <functional>
#include <string>

namespace conduit::test {

/// Mounted for as long as the process lives.
class tiny_tmpfs {
public:
    /// `options` as for mount(8): "size=8k", "nr_inodes=3" (the folder itself is one). Throws
    /// std::system_error where the process may not mount.
    explicit tiny_tmpfs(const std::string& options);
    tiny_tmpfs(const tiny_tmpfs&) = delete;
    ~tiny_tmpfs();

    /// The folder that it is mounted on.
    const std::string& path() const noexcept { return path_; }
    void make_read_only() const;

private:
    std::string path_;
};

/// Runs `body` on one and yields its exit code; says why not, and yields the code for a skip, where
/// the process may not mount. What `body` throws is printed and yields 1.
int on_tiny_tmpfs(const std::string& options, const std::function<int(tiny_tmpfs&)>& body);

/// Runs a helper to its end and requires that it exits with 0, or skips.
void pass_helper(const std::string& name);

}  // namespace conduit::test

// SPDX-License-Identifier: BSL-1.0
//
// A folder of the current kernel's for a test case that runs on every backend: a real one, removed
// with all in it, or one of the simulation's.
//
//     const test::socket_folder folder;
//     auto listener = unix_listener::listen(folder.path("s"));

#pragma once

#include "temp_dir.hpp"

#include <optional>
#include <string>

namespace conduit::test {

class socket_folder {
public:
    /// Within a task. Throws std::system_error with not_supported where the kernel has no folders.
    socket_folder();

    std::string path(const std::string& name) const { return folder_ + "/" + name; }

private:
    std::optional<temp_dir> real_;
    std::string folder_;
};

}  // namespace conduit::test

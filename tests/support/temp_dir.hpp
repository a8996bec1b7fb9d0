// SPDX-License-Identifier: BSL-1.0
//
// A folder of its own for a test case, removed with all in it. One made on a simulated backend is
// there in the simulated file system too, for as long as its scheduler.
//
//     const temp_dir folder;
//     auto listener = unix_listener::listen(folder.path("socket"));

#pragma once

#include <string>

namespace conduit::test {

class temp_dir {
public:
    temp_dir();
    temp_dir(const temp_dir&) = delete;
    temp_dir& operator=(const temp_dir&) = delete;
    ~temp_dir();

    const std::string& path() const noexcept { return path_; }
    /// Of something in it.
    std::string path(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

}  // namespace conduit::test

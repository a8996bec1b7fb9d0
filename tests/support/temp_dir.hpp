// SPDX-License-Identifier: BSL-1.0
//
// A folder of its own for a test case, removed with all in it. One made on a simulated backend is
// there in the simulated file system too, for as long as its scheduler.
//
//     const temp_dir folder;
//     auto path = folder.path() + "/socket";

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

private:
    std::string path_;
};

}  // namespace conduit::test

// SPDX-License-Identifier: BSL-1.0
//
// A folder that only this user can enter, for the sockets and the FIFO of one run, removed with all
// in it at the end.

#pragma once

#include <string>

namespace word_count {

class private_folder {
public:
    /// Below $TMPDIR, or else /tmp. Throws std::runtime_error, which says where and why.
    private_folder();
    private_folder(const private_folder&) = delete;
    ~private_folder();

    const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

}  // namespace word_count

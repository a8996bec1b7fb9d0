// SPDX-License-Identifier: BSL-1.0
#include "temp_dir.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace conduit::test {

temp_dir::temp_dir() : path_((std::filesystem::temp_directory_path() / "conduit-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) {
        throw std::system_error(errno, std::system_category(), "mkdtemp " + path_);
    }
}

temp_dir::~temp_dir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace conduit::test

// SPDX-License-Identifier: BSL-1.0
#include "private_folder.hpp"

#include "printable.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace word_count {

private_folder::private_folder() {
    const char* const given = std::getenv("TMPDIR");
    const std::string below = given != nullptr && *given == '/' ? given : "/tmp";
    path_ = below + "/conduit-demo-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) {
        const std::error_code why(errno, std::generic_category());
        throw std::runtime_error("cannot make a folder in " + printable(below) + ": " +
                                 why.message());
    }
}

private_folder::~private_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace word_count

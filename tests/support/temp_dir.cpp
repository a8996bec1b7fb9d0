// SPDX-License-Identifier: BSL-1.0
#include "temp_dir.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/loop.hpp>
#include <conduit/runtime/scheduler.hpp>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace conduit::test {
namespace {

/// A simulated kernel has a file system of its own.
void make_in_simulation(const std::string& path) {
    if (loop::current == nullptr || scheduler::current().backend_name() != "sim") return;
    for (std::size_t end = path.find('/', 1); end != path.npos; end = path.find('/', end + 1)) {
        static_cast<void>(current_kernel().make_directory(path.substr(0, end), 0755));
    }
    current_kernel().make_directory(path, 0700).value();
}

}  // namespace

temp_dir::temp_dir() : path_((std::filesystem::temp_directory_path() / "conduit-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) {
        throw std::system_error(errno, std::system_category(), "mkdtemp " + path_);
    }
    make_in_simulation(path_);
}

temp_dir::~temp_dir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace conduit::test

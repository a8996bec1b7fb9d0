// SPDX-License-Identifier: BSL-1.0
#include "socket_folder.hpp"

#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/scheduler.hpp>

namespace conduit::test {

socket_folder::socket_folder() {
    if (scheduler::current().backend_name() == "sim") {
        folder_ = "/run/test";
        current_kernel().make_directory(folder_, 0700).value();
    } else {
        folder_ = real_.emplace().path();
    }
}

}  // namespace conduit::test

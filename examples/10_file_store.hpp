// SPDX-License-Identifier: BSL-1.0
//
// The contract between 10_file_server and 10_file_client. Open files travel, over Unix sockets, and
// the kernel lets their receivers read and write them: no byte of them goes through a call.

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <string>

class file_store {
public:
    virtual ~file_store() = default;

    /// Copies an open file into the store.
    virtual conduit::task<> keep(std::string name, conduit::unique_fd file) = 0;
    /// Opens a file of the store for reading; fault(not_found) where there is none.
    virtual conduit::task<conduit::unique_fd> open(std::string name) = 0;
};
CONDUIT_INTERFACE(file_store, "demo.file_store.v1", (keep, name, file), (open, name))

// SPDX-License-Identifier: BSL-1.0
//
// Where a matchmaker keeps the part of its table that its successor has to know: a file in a folder
// of its own. It goes on in memory alone where that cannot be, and says why.
//
//     registry_store store("/run/user/1000/conduit/state");
//     auto found = co_await store.open();                 // throws where another one uses it
//     registry table(found.next_epoch, uid);
//     auto saved = co_await store.save(table.snapshot());
//     if (!saved) log(saved.error().text());              // "'/run/...': No space left on device"

#pragma once

#include <conduit/rpc/detail/registry_snapshot.hpp>
#include <conduit/rpc/fault.hpp>
#include <conduit/runtime/result.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace conduit::rpc::detail {

/// What was found.
struct stored_registry {
    registry_snapshot snapshot;    // empty where there was none, or none that could be read
    bool had_predecessor = false;  // somebody kept something here, readable or not
    std::uint64_t next_epoch = 1;  // greater than each before it, also where the file was lost
    std::string problem;           // why nothing is kept, or was not read; empty where all is well
};

class registry_store {
public:
    /// An empty folder: nothing is kept.
    explicit registry_store(std::string folder) : folder_(std::move(folder)) {}

    /// Makes the folder where it is missing, locks it and reads. The folder must be a real one of
    /// this user's, closed to others, below folders that others cannot change; else nothing is read
    /// or kept. Throws fault(unavailable) where another matchmaker uses it.
    task<stored_registry> open();

    /// Writes it in place of what was there: after a crash there is the old or the new one. Does
    /// nothing where nothing is kept. One at a time; lasts until the disk has it.
    task<result<void, fault>> save(registry_snapshot snapshot);

    /// Whether there is a folder in which to keep something.
    bool keeps() const noexcept { return lock_.has_value(); }

private:
    std::string check_folder() const;
    std::string file() const { return folder_ + "/instances"; }

    std::string folder_;
    std::optional<unique_fd> lock_;
};

/// The file's bytes: "CDTMATCH", then little-endian u32 version (1), u32 0, u64 epoch, u64
/// revision, u64 count, u64 FNV-1a of all behind it; then for each instance u32 size and the
/// instance as docs/reference/encoding.md says.
std::vector<std::byte> encode_snapshot(const registry_snapshot& snapshot);

/// False, with the reason in `why`, where it is no such file, is broken, or of another version.
bool decode_snapshot(std::span<const std::byte> bytes, registry_snapshot& snapshot,
                     std::string& why);

}  // namespace conduit::rpc::detail

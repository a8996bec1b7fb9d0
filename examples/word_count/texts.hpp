// SPDX-License-Identifier: BSL-1.0
//
// Where the words come from: files, found and read.
//
//     const texts found = co_await find_texts({"notes.txt", "/usr/share/common-licenses"});
//     auto batches = read_batches(found.paths, 32 * 1024);
//     while (auto text = co_await batches.next()) ...     // some lines each

#pragma once

#include <conduit/runtime/stream.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace word_count {

/// There is nothing to count, or something in the way of it: the text says what.
class no_text : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct texts {
    std::vector<std::string> paths;
    std::uint64_t bytes = 0;
    std::size_t binary_files = 0;  // that were left out
};

/// Waits until it has looked at all files that are meant: those named, and of a folder those in it
/// and in the folders below, by name, without symbolic links.
///
/// A file is binary if there is a byte 0 in its first 8 KiB. In a folder these are left out; one
/// that was named throws no_text, as does what is not there, cannot be read, or is neither file nor
/// folder, and texts of no bytes.
conduit::task<texts> find_texts(std::vector<std::string> places);

/// All bytes of the files, one file after the other as `cat` has them, in batches of whole lines
/// and at most `bytes` bytes. A line that is longer is cut between two words. Throws no_text where
/// a file cannot be read, or has a word of more than word_bytes_max letters.
conduit::stream<std::string> read_batches(std::vector<std::string> paths, std::size_t bytes);

inline constexpr std::size_t word_bytes_max = std::size_t{256} * 1024;

}  // namespace word_count

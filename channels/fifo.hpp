// SPDX-License-Identifier: BSL-1.0
//
// FIFOs by their paths: making, removing and recognising them. A FIFO is a pipe with a name on disk
// that outlives its users; strangers of the same user meet there, in one direction.
//
// To use one see fifo_reader.hpp and fifo_writer.hpp, duplex_fifo.hpp for two directions, or
// fifo_record_writer.hpp for several writers and readers; where clients are to be told apart,
// unix_stream.hpp.
//
//     std::string why;
//     auto made = conduit::make_fifo("/run/x/log", &why);
//     if (!made) report(why);     // FIFO '/run/x/log': a regular file, not a FIFO

#pragma once

#include <conduit/runtime/result.hpp>

#include <cstdint>
#include <string>

namespace conduit {

/// Makes a FIFO with mode 0600, whatever the umask, on the current scheduler's kernel. One that is
/// there already is taken if it could have been made by this: of our user's, and nothing in it for
/// others to read or write.
///
/// Anything else at the path is left alone and refused: with std::errc::permission_denied for one
/// of another user's or one open to others, std::errc::too_many_symbolic_link_levels for a symbolic
/// link, std::errc::invalid_argument for what is no FIFO. Otherwise fails with what the kernel says
/// about the path. `*why`, where given, then names path and reason in one line.
[[nodiscard]] result<void> make_fifo(const std::string& path, std::string* why = nullptr);

/// Removes the path. Ends that are open go on with each other, but nobody new can join them. What
/// make_fifo() would refuse is refused here too.
[[nodiscard]] result<void> remove_fifo(const std::string& path, std::string* why = nullptr);

/// Which FIFO it is, whatever its path. The number may be used again once a FIFO has no name and no
/// open end.
struct fifo_identity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;

    bool operator==(const fifo_identity&) const = default;
};

/// What a path names now, beside an end that was opened there: the same FIFO, something else, or
/// nothing at all.
enum class fifo_path : std::uint8_t { same, replaced, missing };

/// Asks the kernel once.
[[nodiscard]] result<fifo_path> compare_path(const std::string& path, const fifo_identity& with);

}  // namespace conduit

// SPDX-License-Identifier: BSL-1.0
//
// How the ends of a FIFO behave: fifo_reader.hpp, fifo_writer.hpp, duplex_fifo.hpp and the records
// on top of them take these.
//
//     const auto options = conduit::fifo_options().stay_open().when_missing(fifo_missing::is_made);
//     auto reader = co_await conduit::fifo_reader::open("/run/x/log", options);

#pragma once

#include <conduit/runtime/clock.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace conduit {

/// What opening a path does where nothing is: fails with std::errc::no_such_file_or_directory,
/// waits until somebody makes a FIFO there, or makes it.
enum class fifo_missing : std::uint8_t { fails, is_awaited, is_made };

class fifo_options {
public:
    /// A reader goes on when its last writer has left, and waits for the next: it holds the writing
    /// side open itself, so that there is never an end of the stream, and opening waits for nobody.
    /// Otherwise the stream ends then, and fifo_reader::reopen() goes on with the next writer.
    fifo_options& stay_open(bool wanted = true) noexcept { return set(stay_open_, wanted); }

    fifo_options& when_missing(fifo_missing what) noexcept { return set(when_missing_, what); }

    /// Whose the FIFO must be; otherwise the user's that this process acts as.
    fifo_options& owner(std::uint32_t user) noexcept {
        return set(owner_, std::optional<std::uint32_t>(user));
    }

    /// An end that waits for its partner looks again after 1 ms, then after twice as long each
    /// time, up to this. With the 50 ms of the default that is 20 times a second, less than 0.2 %
    /// of a processor, and the partner is noticed at most 50 ms late. A reader looks for writers
    /// that are silent only; with their first byte it wakes at once.
    fifo_options& look_again_max(clock::duration pause) noexcept {
        return set(look_again_max_, pause);
    }

    /// How often a fifo_record_reader that waits looks whether its path names another FIFO by now:
    /// once a second unless told, never with zero.
    fifo_options& check_path_every(clock::duration period) noexcept {
        return set(check_path_every_, period);
    }

    /// Records share the pages of the pipe and come many to a read: quicker, and more of them fit,
    /// but only one reader may read. For a fifo_record_writer.
    fifo_options& put_records_together(bool wanted = true) noexcept {
        return set(records_together_, wanted);
    }

    bool stays_open() const noexcept { return stay_open_; }
    fifo_missing when_missing() const noexcept { return when_missing_; }
    std::optional<std::uint32_t> owner() const noexcept { return owner_; }
    clock::duration look_again_max() const noexcept { return look_again_max_; }
    clock::duration check_path_every() const noexcept { return check_path_every_; }
    bool puts_records_together() const noexcept { return records_together_; }

private:
    template <class T>
    fifo_options& set(T& field, T value) noexcept {
        field = value;
        return *this;
    }

    bool stay_open_ = false;
    fifo_missing when_missing_ = fifo_missing::fails;
    bool records_together_ = false;
    std::optional<std::uint32_t> owner_;
    clock::duration look_again_max_ = std::chrono::milliseconds(50);
    clock::duration check_path_every_ = std::chrono::seconds(1);
};

}  // namespace conduit

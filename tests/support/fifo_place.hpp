// SPDX-License-Identifier: BSL-1.0
//
// Where a test case has its FIFOs: a fresh folder of the kernel at hand, be it real or simulated.
//
//     const fifo_place place;
//     const std::string path = place.path("log");      // nothing is there yet
//     auto ends = co_await open_pair(place.made("log"));

#pragma once

#include "temp_dir.hpp"

#include <conduit/channels/fifo.hpp>
#include <conduit/channels/fifo_reader.hpp>
#include <conduit/channels/fifo_writer.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/when_all.hpp>

#include <span>
#include <string>
#include <utility>

namespace conduit::test {

class fifo_place {
public:
    std::string path(const std::string& name) const { return folder_.path(name); }

    /// The path of a new FIFO.
    std::string made(const std::string& name) const {
        make_fifo(path(name)).value();
        return path(name);
    }

private:
    temp_dir folder_;
};

struct fifo_pair {
    fifo_reader in;
    fifo_writer out;
};

/// Opens both ends, each of which waits for the other.
inline task<fifo_pair> open_pair(std::string path, fifo_options options = {}) {
    const std::string own = std::move(path);
    auto ends = co_await when_all(fifo_reader::open(own, options), fifo_writer::open(own, options));
    co_return fifo_pair{std::get<0>(std::move(ends)).value(), std::get<1>(std::move(ends)).value()};
}

/// Puts another FIFO in the place of the one that is there, at once.
inline void replace_fifo(const std::string& path) {
    make_fifo(path + ".new").value();
    current_kernel().rename(path + ".new", path).value();
}

inline std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace conduit::test

// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/channel_traits.hpp>

#include <conduit/channels/any_stream.hpp>
#include <conduit/channels/duplex_fifo.hpp>
#include <conduit/channels/fifo_reader.hpp>
#include <conduit/channels/fifo_record_reader.hpp>
#include <conduit/channels/fifo_record_writer.hpp>
#include <conduit/channels/fifo_writer.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/channels/memory_stream.hpp>
#include <conduit/channels/pipe.hpp>
#include <conduit/channels/pipeline.hpp>
#include <conduit/channels/process.hpp>
#include <conduit/channels/tcp_listener.hpp>
#include <conduit/channels/tcp_stream.hpp>
#include <conduit/channels/tls_stream.hpp>
#include <conduit/channels/udp_datagram.hpp>
#include <conduit/channels/unix_datagram.hpp>
#include <conduit/channels/unix_listener.hpp>
#include <conduit/channels/unix_stream.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

using namespace conduit;

namespace {

std::string in_words(const channel_traits& traits) {
    std::string words = traits.ways == channel_ways::one_way ? "one-way | " : "two-way | ";
    words += traits.duplex == channel_duplex::half ? "half | " : "full | ";
    switch (traits.relation) {
        case channel_relation::same_process: return words + "tasks of one process";
        case channel_relation::related: return words + "related processes";
        case channel_relation::same_host: return words + "any on this host";
        case channel_relation::any_host: return words + "any on any host";
    }
    return words;
}

#define CONDUIT_ROW(type) {#type, in_words(type::traits)}

const std::map<std::string, std::string> channels = {
    CONDUIT_ROW(pipe_reader),        CONDUIT_ROW(pipe_writer), CONDUIT_ROW(fifo_reader),
    CONDUIT_ROW(fifo_writer),        CONDUIT_ROW(duplex_fifo), CONDUIT_ROW(fifo_record_reader),
    CONDUIT_ROW(fifo_record_writer), CONDUIT_ROW(unix_stream), CONDUIT_ROW(unix_listener),
    CONDUIT_ROW(unix_datagram),      CONDUIT_ROW(tcp_stream),  CONDUIT_ROW(tcp_listener),
    CONDUIT_ROW(udp_datagram),       CONDUIT_ROW(process),     CONDUIT_ROW(running_pipeline),
    CONDUIT_ROW(file_reader),        CONDUIT_ROW(file_writer), CONDUIT_ROW(memory_stream),
    CONDUIT_ROW(tls_stream),         CONDUIT_ROW(any_stream),
};

/// The rows of the table: the name, then "ways | duplex | relation".
std::map<std::string, std::string> rows_of(const std::string& path) {
    std::map<std::string, std::string> rows;
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("| `")) continue;
        const std::size_t name_end = line.find("` | ");
        const std::size_t rest = name_end + 4;
        std::size_t end = rest;
        for (int cell = 0; cell < 3; ++cell) end = line.find(" | ", end + 1);
        rows[line.substr(3, name_end - 3)] = line.substr(rest, end - rest);
    }
    return rows;
}

/// How many types of the layer state traits: a new one must come into the table.
std::size_t types_with_traits() {
    std::size_t found = 0;
    for (const auto& file : std::filesystem::directory_iterator(CONDUIT_SOURCE_DIR "/channels")) {
        std::ifstream in(file.path());
        for (std::string line; std::getline(in, line);) {
            found += line.starts_with("    static constexpr channel_traits traits") ? 1 : 0;
        }
    }
    return found;
}

}  // namespace

TEST_CASE("a channel answers three questions at compile time", "[channels][channel_traits]") {
    STATIC_REQUIRE(channel<pipe_reader>);
    STATIC_REQUIRE_FALSE(channel<int>);
    STATIC_REQUIRE(pipe_writer::traits.ways == channel_ways::one_way);
    STATIC_REQUIRE(pipe_writer::traits.duplex == channel_duplex::half);
    STATIC_REQUIRE(pipe_writer::traits.relation == channel_relation::related);
}

TEST_CASE("the table of the channels says what their types say", "[channels][channel_traits]") {
    const auto rows = rows_of(CONDUIT_SOURCE_DIR "/docs/guide/channels.md");
    REQUIRE(rows == channels);
    REQUIRE(channels.size() == types_with_traits());
}

// SPDX-License-Identifier: BSL-1.0
//
// Places in the source and times, as people read them; for dump_tasks() and the log.
//
//     site_text(frame.where)                              // "serve (server.cpp:12)"

#pragma once

#include <conduit/runtime/clock.hpp>

#include <source_location>
#include <string>

namespace conduit {

/// The function without its namespaces' decoration, the file without its folders, the line.
std::string site_text(const std::source_location& at);

/// "2.0 s", "3.5 ms" or "12 us".
std::string time_text(clock::duration d);

}  // namespace conduit

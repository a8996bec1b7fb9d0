// SPDX-License-Identifier: BSL-1.0
//
// Where a scheduler says what an operator should know. A sink is a function given to the scheduler;
// by default warnings and errors go to stderr, and nothing else in conduit prints.
//
//     auto options = conduit::scheduler_options().log(my_sink);

#pragma once

#include <functional>
#include <string_view>

namespace conduit {

enum class log_level { debug, info, warning, error };

/// Called on the scheduler's thread with one line, without a line end. It must not throw.
using log_sink = std::function<void(log_level, std::string_view)>;

/// "debug", "info", "warning" or "error".
std::string_view to_string(log_level level) noexcept;

/// Writes "conduit: warning: ..." to stderr for warnings and errors; drops the rest.
void log_to_stderr(log_level level, std::string_view line);

/// Writes a text to stderr as it is.
void write_to_stderr(std::string_view text) noexcept;

}  // namespace conduit

// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/log.hpp>

#include <cstdio>

namespace conduit {

std::string_view to_string(log_level level) noexcept {
    switch (level) {
        case log_level::debug: return "debug";
        case log_level::info: return "info";
        case log_level::warning: return "warning";
        case log_level::error: return "error";
    }
    return "unknown";
}

void log_to_stderr(log_level level, std::string_view line) {
    if (level < log_level::warning) return;
    const std::string_view name = to_string(level);
    std::fprintf(stderr, "conduit: %.*s: %.*s\n", static_cast<int>(name.size()), name.data(),
                 static_cast<int>(line.size()), line.data());
}

void write_to_stderr(std::string_view text) noexcept {
    std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace conduit

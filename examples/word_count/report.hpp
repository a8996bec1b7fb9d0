// SPDX-License-Identifier: BSL-1.0
//
// What the demo prints: at most 80 columns, with colours and a line of progress on a terminal only.

#pragma once

#include "check.hpp"
#include "coordinator.hpp"
#include "log_collector.hpp"
#include "texts.hpp"

#include <conduit/runtime/clock.hpp>
#include <conduit/runtime/task.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace word_count {

class report {
public:
    /// Looks at standard output, NO_COLOR and TERM.
    report();
    report(const report&) = delete;
    ~report() { clear_progress(); }

    void begin(const texts& found, std::size_t workers, std::string_view backend);
    void top_words(const word_table& table);
    void stages(const texts& found, const coordinator& of, std::size_t processes,
                const log_summary& log, const comparison& check);
    void kill(const coordinator& of, const std::string& how_it_ended);
    void verdict(const word_table& table, const comparison& check);
    /// Yields why not all that was printed could be written, or a zero code.
    [[nodiscard]] std::error_code where_next(bool agrees);

    /// Keeps a line up to date until it is stopped; nothing where there is no terminal.
    conduit::task<> show_progress(const coordinator& of, std::string_view what);
    /// The same where it is not known how far it is.
    void show_busy(std::string_view what);
    /// Removes that line.
    void clear_progress();

private:
    void flush();
    std::string strong(std::string_view text) const;
    std::string faint(std::string_view text) const;
    std::string coloured(std::string_view code, std::string_view text) const;

    std::error_code unwritten_;
    bool is_terminal_ = false;
    bool has_colours_ = false;
    bool line_is_there_ = false;
};

}  // namespace word_count

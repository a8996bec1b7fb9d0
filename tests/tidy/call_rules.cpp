// SPDX-License-Identifier: BSL-1.0

#include "rules.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace conduit::tidy {
namespace {

bool anywhere(const source&) { return true; }
bool in_library(const source& file) { return file.is_library(); }
bool in_layers_and_tools(const source& file) { return file.is_library() || file.is_below("tools"); }
bool in_tests(const source& file) { return file.is_below("tests"); }
bool above_seam(const source& file) {
    return file.is_library() && !file.is_below("runtime/backend");
}
bool above_seam_and_errors(const source& file) {
    return above_seam(file) && file.path != "runtime/error.cpp";
}
bool outside_wall_clock(const source& file) {
    return file.path != "tests/support/preloaded_wall_clock.cpp";
}
bool outside_output(const source& file) {
    return file.is_library() && file.path != "runtime/log.cpp" && file.path != "runtime/assert.cpp";
}

struct banned {
    std::string_view name;  // one word, or words joined by ::
    bool (*where)(const source&);
    std::string_view reason;
};

constexpr std::string_view no_sleep =
    "no sleeping: wait for the event itself, or in virtual time with conduit::sleep_for";
constexpr std::string_view no_print = "the library prints nothing: give it to the log_sink";
constexpr std::string_view no_rand =
    "randomness comes from the kernel seam, so that sim can seed it";
constexpr std::string_view no_clock = "the time comes from the scheduler, so that sim can set it";
constexpr std::string_view no_env = "only runtime/backend/ reads the environment";
constexpr std::string_view no_bounds = "this cannot know the room there is: use std::string or fmt";

constexpr std::string_view no_wall_clock = "a wall clock jumps: use a monotonic one";

constexpr std::array<banned, 43> list = {{
    {"this_thread::sleep_for", anywhere, no_sleep},
    {"this_thread::sleep_until", anywhere, no_sleep},
    {"usleep", anywhere, no_sleep},
    {"nanosleep", anywhere, no_sleep},
    {"std::cout", outside_output, no_print},
    {"std::cerr", outside_output, no_print},
    {"std::clog", outside_output, no_print},
    {"printf", outside_output, no_print},
    {"fprintf", outside_output, no_print},
    {"puts", outside_output, no_print},
    {"rand", anywhere, no_rand},
    {"srand", anywhere, no_rand},
    {"random_device", above_seam, no_rand},
    {"system_clock::now", anywhere, no_wall_clock},
    {"std::time", in_layers_and_tools, no_wall_clock},
    {"timespec_get", anywhere, no_wall_clock},
    {"last_write_time", anywhere, no_wall_clock},
    {"CLOCK_REALTIME", outside_wall_clock, no_wall_clock},
    {"CLOCK_REALTIME_COARSE", outside_wall_clock, no_wall_clock},
    {"CLOCK_TAI", outside_wall_clock, no_wall_clock},
    {"steady_clock::now", above_seam, no_clock},
    {"high_resolution_clock", anywhere, "say which clock: std::chrono::steady_clock"},
    {"getenv", above_seam, no_env},
    {"setenv", in_library, "a library changes no environment"},
    {"errno", above_seam_and_errors, "errno ends at runtime/backend/ and error_from_kernel()"},
    {"reinterpret_cast", above_seam, "use std::as_bytes, std::bit_cast, or the codec"},
    {"const_cast", above_seam, "change the signature, or make the member mutable"},
    {"strerror", anywhere, "not thread-safe: use std::error_code::message()"},
    {"sprintf", anywhere, no_bounds},
    {"strcpy", anywhere, no_bounds},
    {"strcat", anywhere, no_bounds},
    {"strtok", anywhere, "not thread-safe: cut a std::string_view"},
    {"atoi", anywhere, "use std::from_chars, which reports errors"},
    {"std::async", anywhere, "use blocking(fn), whose pool is bounded"},
    {"std::signal", above_seam, "signals go through signal_set"},
    {"exit", in_library, "a library ends no process: yield an error"},
    {"_exit", above_seam, "a library ends no process: yield an error"},
    {"system", anywhere, "no shell: use conduit::process"},
    {"popen", in_layers_and_tools, "no shell: use conduit::process"},
    {"assert", in_layers_and_tools,
     "write CONDUIT_ASSERT(condition, \"sentence\"): it stays in "
     "every build"},
    {"gettimeofday", anywhere, no_wall_clock},
    {"volatile", in_library, "volatile orders nothing: use std::atomic"},
    {"tmpnam", anywhere, "a race: make a folder of your own"},
}};

class scanner {
public:
    explicit scanner(const source& file)
        : file_(file),
          tokens_(file.pieces.tokens),
          has_threads_(std::any_of(tokens_.begin(), tokens_.end(), [](const lint::token& one) {
              return one.text == "thread" || one.text == "jthread";
          })) {}

    void scan() {
        for (std::size_t at = 0; at < tokens_.size(); ++at) {
            if (tokens_[at].kind == lint::token_kind::word) {
                check_word(at);
            } else if (tokens_[at].kind == lint::token_kind::text) {
                check_literal(tokens_[at]);
            } else if (text(at) == "::" && above_seam(file_)) {
                check_global_call(at);
            }
        }
    }

private:
    std::string_view text(std::size_t at) const {
        return at < tokens_.size() ? tokens_[at].text : std::string_view();
    }
    std::string_view before(std::size_t at) const { return at == 0 ? "" : tokens_[at - 1].text; }

    void check_word(std::size_t at) {
        for (const banned& entry : list) {
            if (entry.where(file_) && matches(at, entry.name)) {
                file_.report(tokens_[at].line, std::string(entry.name), std::string(entry.reason));
            }
        }
        const bool detaches = text(at) == "detach" && text(at + 1) == "(" &&
                              (before(at) == "." || before(at) == "->");
        if (detaches && has_threads_) {
            file_.report(tokens_[at].line, "detach", "nothing is detached: join the thread");
        }
        if (text(at) == "using" && text(at + 1) == "namespace" && file_.is_header()) {
            file_.report(tokens_[at].line, "using-namespace", "a header opens no namespace");
        }
    }

    // A member or a name of conduit's own is another function; what is not called is another name,
    // unless it is a keyword or a qualified name.
    bool matches(std::size_t at, std::string_view name) const {
        const std::size_t colons = name.find("::");
        if (colons != std::string_view::npos) {
            return text(at) == name.substr(0, colons) && text(at + 1) == "::" &&
                   text(at + 2) == name.substr(colons + 2);
        }
        if (text(at) != name || before(at) == "." || before(at) == "->") {
            return false;
        }
        if (before(at) == "::" && at >= 2 && tokens_[at - 2].kind == lint::token_kind::word &&
            text(at - 2) != "std") {
            return false;
        }
        const bool whole = name.ends_with("_cast") || name == "volatile" || name == "errno" ||
                           name == "random_device" || name == "high_resolution_clock" ||
                           name.starts_with("CLOCK_");
        return whole || (text(at + 1) == "(" && !is_declared(at));
    }

    // `task<> exit(` declares; `return exit(` and `; exit(` call.
    bool is_declared(std::size_t at) const {
        if (at == 0) {
            return false;
        }
        const auto& previous = tokens_[at - 1];
        const bool type = previous.kind == lint::token_kind::word && previous.text != "return" &&
                          previous.text != "co_return" && previous.text != "co_await" &&
                          previous.text != "else" && previous.text != "do";
        return type || previous.text == ">" || previous.text == "&" || previous.text == "*";
    }

    // `::read(fd, ...)`: the kernel's, by the look of it.
    void check_global_call(std::size_t at) {
        const bool qualified =
            at > 0 && (tokens_[at - 1].kind == lint::token_kind::word || before(at) == ">") &&
            before(at) != "return";
        const std::string_view name = text(at + 1);
        const bool harmless =
            name == "new" || name == "delete" || name.starts_with("str") || name.starts_with("mem");
        if (!qualified && !harmless && at + 1 < tokens_.size() &&
            tokens_[at + 1].kind == lint::token_kind::word && text(at + 2) == "(") {
            file_.report(
                tokens_[at].line, "kernel-call",
                "::" + std::string(name) + " is the kernel's: runtime/backend/ makes such calls");
        }
    }

    void check_literal(const lint::token& literal) {
        if (in_tests(file_) && !file_.is_below("tests/tidy") &&
            literal.text.starts_with("\"/tmp/")) {
            file_.report(literal.line, "fixed-path", "no fixed paths: make a folder of your own");
        }
    }

    const source& file_;
    const std::vector<lint::token>& tokens_;
    const bool has_threads_;
};

}  // namespace

void check_calls(const source& file) { scanner(file).scan(); }

}  // namespace conduit::tidy

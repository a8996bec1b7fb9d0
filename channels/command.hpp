// SPDX-License-Identifier: BSL-1.0
//
// A program to start, with its arguments and all that it is given. No shell is involved: arguments
// arrive as they are. To start it and talk to it use process.hpp; to join several by `|`, or to run
// one to its end and have its output, use pipeline.hpp.
//
//     auto build = conduit::command("make", "-j2")
//                      .environment("LANG", "C")
//                      .working_folder("/src/project")
//                      .output(conduit::redirect::to_file("/tmp/log"));
//     auto child = conduit::start(std::move(build));

#pragma once

#include <conduit/channels/redirect.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conduit {

/// What a program is started with: a value that can be moved, used up by starting it.
///
/// A name without a slash is searched in the PATH that the program itself will have; entries that
/// are not absolute are passed over. A relative path with a slash starts in the working folder.
///
/// The program gets default signal dispositions, no blocked signals, and no descriptors but its
/// three streams and those passed on by handle().
///
/// Streams that are not set: started by start(), input and output are pipes to the process object;
/// run by run(), input is empty and output is captured. Error output is this process's own.
class command {
public:
    template <class... Arguments>
        requires(std::convertible_to<Arguments, std::string> && ...)
    explicit command(std::string program, Arguments&&... arguments)
        : words_{std::move(program), std::string(std::forward<Arguments>(arguments))...} {}

    command& argument(std::string word) &;
    /// Sets a variable of the environment, which is this process's own otherwise.
    command& environment(std::string name, std::string value) &;
    /// Removes a variable.
    command& without(std::string name) &;
    /// Starts from an empty environment; variables set before or after are kept.
    command& clean_environment() &;
    command& working_folder(std::string path) &;
    /// A process group of its own. Signals, stop() and the end of the process object then reach all
    /// that it started, unless that left the group.
    command& own_group() &;
    /// It and what it starts gain nothing by set-user-id programs (PR_SET_NO_NEW_PRIVS).
    command& no_new_privileges() &;
    command& input(redirect from) &;
    command& output(redirect to) &;
    command& error_output(redirect to) &;
    /// Passes on one more descriptor, by the number it has there, at least 3: a redirect::handle()
    /// or a redirect::channel().
    command& handle(int number, redirect what) &;

    command&& argument(std::string word) && { return std::move(argument(std::move(word))); }
    command&& environment(std::string name, std::string value) && {
        return std::move(environment(std::move(name), std::move(value)));
    }
    command&& without(std::string name) && { return std::move(without(std::move(name))); }
    command&& clean_environment() && { return std::move(clean_environment()); }
    command&& working_folder(std::string path) && {
        return std::move(working_folder(std::move(path)));
    }
    command&& own_group() && { return std::move(own_group()); }
    command&& no_new_privileges() && { return std::move(no_new_privileges()); }
    command&& input(redirect from) && { return std::move(input(std::move(from))); }
    command&& output(redirect to) && { return std::move(output(std::move(to))); }
    command&& error_output(redirect to) && { return std::move(error_output(std::move(to))); }
    command&& handle(int number, redirect what) && {
        return std::move(handle(number, std::move(what)));
    }

    /// The program, then its arguments.
    const std::vector<std::string>& words() const noexcept { return words_; }
    /// Standard input, output and error output, by their numbers.
    redirect& stream(int number) noexcept { return streams_[number]; }

private:
    friend class child_plan;

    struct variable {
        std::string name;
        std::optional<std::string> value;  // none: removed
    };

    std::vector<std::string> words_;
    std::vector<variable> variables_;
    std::string working_folder_;
    redirect streams_[3];
    std::vector<std::pair<int, redirect>> handles_;
    bool clean_environment_ = false;
    bool leads_group_ = false;
    bool no_new_privileges_ = false;
};

}  // namespace conduit

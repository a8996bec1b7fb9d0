// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/command.hpp>
#include <conduit/runtime/assert.hpp>

namespace conduit {

command& command::argument(std::string word) & {
    words_.push_back(std::move(word));
    return *this;
}

command& command::environment(std::string name, std::string value) & {
    variables_.push_back({std::move(name), std::move(value)});
    return *this;
}

command& command::without(std::string name) & {
    variables_.push_back({std::move(name), std::nullopt});
    return *this;
}

command& command::clean_environment() & {
    clean_environment_ = true;
    return *this;
}

command& command::working_folder(std::string path) & {
    working_folder_ = std::move(path);
    return *this;
}

command& command::own_group() & {
    leads_group_ = true;
    return *this;
}

command& command::no_new_privileges() & {
    no_new_privileges_ = true;
    return *this;
}

command& command::input(redirect from) & {
    streams_[0] = std::move(from);
    return *this;
}

command& command::output(redirect to) & {
    streams_[1] = std::move(to);
    return *this;
}

command& command::error_output(redirect to) & {
    streams_[2] = std::move(to);
    return *this;
}

command& command::handle(int number, redirect what) & {
    CONDUIT_ASSERT(number >= 3, "0, 1 and 2 are set by input(), output() and error_output()");
    CONDUIT_ASSERT(what.what() == redirect::kind::handle || what.what() == redirect::kind::channel,
                   "only a descriptor or a channel is passed on beside the three streams");
    handles_.emplace_back(number, std::move(what));
    return *this;
}

}  // namespace conduit

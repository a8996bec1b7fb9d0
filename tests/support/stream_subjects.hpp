// SPDX-License-Identifier: BSL-1.0
//
// Every kind of byte stream behind one type, two connected ends of each, so that a promise which
// all of them make is written once and tried on each. A new kind is one line in the list.
//
//     task<> contract(stream_pair& ends, task_scope& scope);
//     co_await test::for_each_stream(&contract, scope);

#pragma once

#include <conduit/channels/any_stream.hpp>
#include <conduit/runtime/task.hpp>
#include <conduit/runtime/task_scope.hpp>

#include <utility>
#include <vector>

namespace conduit::test {

/// What is written at the one can be read at the other.
class stream_pair {
public:
    stream_pair(any_stream one, any_stream other) noexcept
        : first(std::move(one)), second(std::move(other)) {}

    any_stream first;
    any_stream second;
    bool is_narrow = false;  // it carries a few bytes at a time: no megabytes
};

struct stream_subject {
    const char* name;
    task<stream_pair> (*make)();  // throws not_supported where the backend has no such thing
};

const std::vector<stream_subject>& all_stream_subjects();

using stream_contract = task<> (*)(stream_pair&, task_scope&);

/// Tries it on each subject in turn; one that the backend has not is a visible skip.
task<> for_each_stream(stream_contract contract, task_scope& scope);

}  // namespace conduit::test

// SPDX-License-Identifier: BSL-1.0
//
// Every operation on a handle that can wait, behind one interface, so that a promise which all of
// them make is written once and tried on each.
//
//     for (const auto& make : all_io_subjects()) {
//         auto subject = make();
//         co_await subject->prepare();        // now the operation must wait
//         auto pending = scope.spawn(subject->perform());

#pragma once

#include <conduit/runtime/task.hpp>

#include <memory>
#include <system_error>
#include <vector>

namespace conduit::test {

class io_subject {
public:
    virtual ~io_subject() = default;
    virtual const char* name() const = 0;

    /// Brings about a state in which the operation waits.
    virtual task<> prepare() = 0;
    /// Awaits the operation once; yields its error and checks its value.
    virtual task<std::error_code> perform() = 0;
    /// Makes the operation complete, once.
    virtual task<> satisfy() = 0;
    /// Closes the handle that the operation is on.
    virtual void close() = 0;
};

using make_io_subject = std::unique_ptr<io_subject> (*)();

const std::vector<make_io_subject>& all_io_subjects();

}  // namespace conduit::test

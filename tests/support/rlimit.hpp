// SPDX-License-Identifier: BSL-1.0
//
// Takes resources away from the test process for a while.

#pragma once

#include <sys/resource.h>

namespace conduit::test {

/// While it lives, no descriptor can be opened: EMFILE.
class no_more_descriptors {
public:
    no_more_descriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit none = before_;
        none.rlim_cur = 0;
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    no_more_descriptors(const no_more_descriptors&) = delete;
    ~no_more_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

}  // namespace conduit::test

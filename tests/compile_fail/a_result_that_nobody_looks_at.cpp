// SPDX-License-Identifier: BSL-1.0
// refused: nodiscard
#include <conduit/runtime/result.hpp>

conduit::result<int> read_number();

int careless() {
#ifdef FIXED
    return read_number().value_or(0);
#else
    read_number();
    return 0;
#endif
}

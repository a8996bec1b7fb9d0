// SPDX-License-Identifier: BSL-1.0
//
// A contract that is kept by conduit_schema_lock(): see kept.lock.json and broken.lock.json.

#pragma once

#include <conduit/rpc/interface.hpp>
#include <conduit/runtime/task.hpp>

#include <cstdint>
#include <string>

namespace shop {

enum class size : std::uint8_t { small, large };

struct order {
    std::string what;
    size how = size::small;
};

class orders {
public:
    virtual ~orders() = default;
    virtual conduit::task<std::uint64_t> place(order wanted, std::uint32_t count) = 0;
};
CONDUIT_INTERFACE(orders, "shop.orders", (place, wanted, count))

}  // namespace shop

// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/draw_order.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace conduit::rpc::detail {
namespace {

/// Sorted by these, numbers come in the order described (Efraimidis and Spirakis, 2006). Those of a
/// weight are below 22.
double key_of(std::uint32_t weight, chance& dice) {
    constexpr double steps = 1U << 31U;
    constexpr double behind_all = 22;
    const double drawn = (static_cast<double>(dice.below(1U << 31U)) + 1) / steps;
    return weight == 0 ? behind_all + drawn : -std::log(drawn) / weight;
}

struct drawn_instance {
    double key;
    instance what;
};

bool is_before(const drawn_instance& a, const drawn_instance& b) noexcept {
    if (a.what.state != b.what.state) return a.what.state < b.what.state;
    return a.key < b.key;
}

}  // namespace

void draw_order(std::vector<instance>& instances, chance& dice) {
    std::vector<drawn_instance> drawn;
    drawn.reserve(instances.size());
    for (instance& each : instances) {
        const double key = key_of(each.offer.weight, dice);
        drawn.push_back({key, std::move(each)});
    }
    std::sort(drawn.begin(), drawn.end(), is_before);
    for (std::size_t i = 0; i < drawn.size(); ++i) instances[i] = std::move(drawn[i].what);
}

}  // namespace conduit::rpc::detail

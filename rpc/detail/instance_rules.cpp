// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/instance_rules.hpp>

#include <conduit/rpc/detail/registry_name.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace conduit::rpc::detail {
namespace {

// What map nodes, the shared instance and the allocator's rounding take beside the texts; rather
// too much than too little, see table.memory in bench/table_bench.cpp.
constexpr std::size_t instance_bytes_fixed = 640;
constexpr std::size_t query_bytes_fixed = 384;
constexpr std::size_t tag_bytes_fixed = sizeof(std::string) + 16;

fault invalid(const std::string& text) { return fault(status::invalid_argument, text); }

// Printable and without blanks, so that tags can be listed in a line.
bool may_stand_in_tag(char c) noexcept { return c > ' ' && c <= '~'; }

result<void, fault> check_address(std::string& text) {
    std::string why;
    const auto parsed = address::parse(text, &why);
    if (!parsed) return invalid(why);
    if (parsed->kind() != address_kind::unix_socket && parsed->kind() != address_kind::tcp) {
        return invalid("only unix: and tcp: addresses can be announced");
    }
    if (parsed->kind() == address_kind::unix_socket && !parsed->path().starts_with('/')) {
        return invalid("the path of an announced unix: address begins with '/'");
    }
    text = to_string(*parsed);
    return {};
}

std::size_t bytes_of_tags(const std::vector<std::string>& tags) noexcept {
    std::size_t bytes = 0;
    for (const std::string& tag : tags) bytes += tag_bytes_fixed + tag.size();
    return bytes;
}

}  // namespace

result<void, fault> check_tags(std::vector<std::string>& tags) {
    if (tags.size() > tags_max) {
        return invalid(fmt::format("{} tags, of at most {} (tags_max)", tags.size(), tags_max));
    }
    for (const std::string& tag : tags) {
        if (tag.empty() || tag.size() > tag_bytes_max) {
            return invalid(fmt::format("a tag has 1 to {} bytes, this one has {} (tag_bytes_max)",
                                       tag_bytes_max, tag.size()));
        }
        const auto bad = std::find_if_not(tag.begin(), tag.end(), may_stand_in_tag);
        if (bad != tag.end()) {
            return invalid(
                fmt::format("a tag is printable ASCII without blanks, and byte {} of "
                            "this one is 0x{:02x}",
                            bad - tag.begin(), static_cast<unsigned char>(*bad)));
        }
    }
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    return {};
}

result<void, fault> check_weight(std::uint32_t weight) {
    if (weight <= weight_max) return {};
    return invalid(
        fmt::format("a weight is at most {}, this one is {} (weight_max)", weight_max, weight));
}

result<void, fault> check_offer(instance_offer& offer) {
    if (std::string why = name_problem(offer.name); !why.empty()) return invalid(why);
    if (auto checked = check_address(offer.address); !checked) return checked;
    if (auto checked = check_weight(offer.weight); !checked) return checked;
    return check_tags(offer.tags);
}

result<void, fault> check_query(instance_query& query) {
    if (std::string why = name_problem(query.name); !why.empty()) return invalid(why);
    return check_tags(query.tags);
}

bool matches(const instance_query& query, const instance& found) noexcept {
    if (query.version && !serves(found.offer.version, *query.version)) return false;
    return std::includes(found.offer.tags.begin(), found.offer.tags.end(), query.tags.begin(),
                         query.tags.end());
}

bool comes_before(const instance& a, const instance& b) noexcept {
    if (a.state != b.state) return a.state < b.state;
    if (a.offer.weight != b.offer.weight) return a.offer.weight > b.offer.weight;
    if (a.offer.version != b.offer.version) return a.offer.version > b.offer.version;
    return a.id < b.id;
}

address address_of(const instance& of) { return address::parse(of.offer.address).value(); }

fault no_such(instance_id id) {
    return fault(status::not_found, "there is no instance " + to_string(id));
}

std::size_t bytes_of(const instance_offer& offer) noexcept {
    return instance_bytes_fixed + 2 * offer.name.size() + offer.address.size() +
           bytes_of_tags(offer.tags);
}

std::size_t bytes_of(const instance_query& query) noexcept {
    return query_bytes_fixed + 2 * query.name.size() + bytes_of_tags(query.tags);
}

}  // namespace conduit::rpc::detail

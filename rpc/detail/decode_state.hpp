// SPDX-License-Identifier: BSL-1.0
//
// What is left of a message's limits while it is decoded, and the first thing that went wrong.
// codec_reader.hpp decodes C++ types with it, json.cpp whatever a schema describes.

#pragma once

#include <conduit/rpc/decode_limits.hpp>
#include <conduit/rpc/decode_result.hpp>
#include <conduit/runtime/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace conduit::rpc::detail {

/// What glibc's malloc takes for a block of so many bytes: a header of 8, in steps of 16.
constexpr std::uint64_t block_size(std::uint64_t bytes) {
    return bytes < 24 ? 32 : (bytes + 23) & ~std::uint64_t{15};
}

/// The failing calls yield null, or false, so that they end the caller's own return statement; they
/// are out of line, for the way of a good message leads past them.
class decode_state {
public:
    decode_state(std::span<const std::byte> bytes, const decode_limits& limits,
                 std::span<unique_fd> handles) noexcept
        : begin_(bytes.data()), limits_(limits), handles_(handles) {}

    /// Charges for one block of memory before it is taken.
    [[nodiscard]] bool charge(std::uint64_t bytes, const std::byte* at, std::string_view what) {
        const std::uint64_t block = block_size(bytes);
        if (block > limits_.output_bytes() - output_) [[unlikely]] {
            return too_much_output(block, at, what);
        }
        output_ += static_cast<std::size_t>(block);
        return true;
    }

    /// Charges for elements, and for the block or blocks of memory that they take.
    [[nodiscard]] bool charge_elements(std::size_t count, std::size_t bytes_each,
                                       const std::byte* at, std::string_view what) {
        if (count > limits_.elements() - elements_) [[unlikely]] {
            return too_many_elements(count, at, what);
        }
        elements_ += count;
        // That cannot overflow: a count has 32 bits, and no type has 2^32 bytes.
        return count == 0 || charge(std::uint64_t{count} * bytes_each, at, what);
    }

    [[nodiscard]] bool enter(const std::byte* at) {
        if (depth_ == limits_.depth()) [[unlikely]]
            return too_deep(at);
        ++depth_;
        return true;
    }
    void leave() noexcept { --depth_; }

    /// Takes a handle out of the list, each once.
    [[nodiscard]] bool take_handle(std::uint32_t number, unique_fd& into, const std::byte* at);

    [[gnu::cold]] const std::byte* truncated(const std::byte* at, std::uint64_t wanted,
                                             std::uint64_t left, std::string_view what);
    [[gnu::cold]] bool fail(decode_errc code, const std::byte* at, std::string_view what,
                            std::uint64_t wanted = 0, std::uint64_t limit = 0);

    /// Adds to the front of the failure's path while the failure is on its way out.
    [[gnu::cold]] const std::byte* in_field(std::string_view name);
    [[gnu::cold]] const std::byte* in_element(std::size_t index);

    /// After the last field: every handle that came must have been taken.
    decode_result finish(bool good, const std::byte* end);

    std::size_t elements() const noexcept { return elements_; }

private:
    [[gnu::cold]] bool too_much_output(std::uint64_t bytes, const std::byte* at,
                                       std::string_view what);
    [[gnu::cold]] bool too_many_elements(std::size_t count, const std::byte* at,
                                         std::string_view what);
    [[gnu::cold]] bool too_deep(const std::byte* at);

    const std::byte* begin_;
    decode_limits limits_;
    std::size_t output_ = 0;
    std::size_t elements_ = 0;
    std::size_t depth_ = 0;
    std::span<unique_fd> handles_;
    std::size_t taken_ = 0;
    std::unique_ptr<decode_failure> failure_;
};

}  // namespace conduit::rpc::detail

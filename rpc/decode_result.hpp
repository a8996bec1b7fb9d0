// SPDX-License-Identifier: BSL-1.0
//
// How decoding went: what it cost, or what was wrong with the bytes, and where. codec.hpp yields
// them; what a message may cost is in decode_limits.hpp.
//
//     auto decoded = rpc::decode_fields(bytes, limits, {}, request);
//     if (!decoded) log(decoded.text());
//     // items[3].name: a string of 4294967295 bytes, but only 12 follow (at byte 40)

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace conduit::rpc {

enum class decode_errc : std::uint8_t {
    none,
    truncated,          // more bytes were announced than there are
    bad_flag,           // a bool or the presence of an optional is neither 0 nor 1
    bad_alternative,    // a variant has no such alternative
    bad_key,            // a key that is there already, or is NaN
    colliding_keys,     // keys made for hashing to the same bucket
    bad_value,          // a representation<T> refused it
    bad_handle,         // no handle came with this number, or it is in use already
    surplus_handles,    // handles came that no field took
    too_much_output,    // decode_limits::output_bytes
    too_many_elements,  // decode_limits::elements
    too_deep,           // decode_limits::depth
};

/// What was wrong, with both sizes: what the bytes asked for, and the limit.
struct decode_failure {
    decode_errc code = decode_errc::none;
    std::string_view what;     // "a string", the noun of the sentence
    std::uint64_t wanted = 0;  // what the bytes said
    std::uint64_t limit = 0;   // what was possible
    std::size_t offset = 0;    // of the byte, from the beginning of the fields
    std::string path;          // "items[3].name"; empty for the whole
};

/// Success and its cost, or the failure. The text is made when it is asked for.
class [[nodiscard]] decode_result {
public:
    explicit decode_result(std::size_t output_bytes) noexcept : output_bytes_(output_bytes) {}
    explicit decode_result(std::unique_ptr<decode_failure> failure) noexcept
        : failure_(std::move(failure)) {}

    explicit operator bool() const noexcept { return failure_ == nullptr; }

    /// What was charged: no more than decode_limits::output_bytes. 0 after a failure.
    std::size_t output_bytes() const noexcept { return output_bytes_; }

    decode_errc code() const noexcept { return failure_ ? failure_->code : decode_errc::none; }

    /// Null after success.
    const decode_failure* failure() const noexcept { return failure_.get(); }

    /// A sentence for the log: where, what, the limit and both sizes. Empty after success.
    std::string text() const;

private:
    std::size_t output_bytes_ = 0;
    std::unique_ptr<decode_failure> failure_;
};

}  // namespace conduit::rpc

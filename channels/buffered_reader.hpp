// SPDX-License-Identifier: BSL-1.0
//
// Reads ahead from any byte source and keeps what nobody has taken yet: what parsers stand on. For
// lines use line_reader.hpp, for length-prefixed messages message.hpp, both made of this.
//
//     conduit::buffered_reader ahead(in);
//     auto got = co_await ahead.more();               // 0 at the end of the stream
//     const std::size_t used = parse(ahead.bytes());  // as far as it gets
//     ahead.consume(used);

#pragma once

#include <conduit/channels/kept_bytes.hpp>
#include <conduit/channels/stream.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

namespace conduit {

/// Reads ahead from a source that must outlive it, and that nobody else reads meanwhile.
///
/// One operation at a time. While it waits with nothing kept it holds no memory of its own: it
/// waits for a lent buffer where the source lends any, and allocates what it keeps only once bytes
/// are there. A source that lends none costs 4 KiB while it is waited for.
///
/// A cancelled operation has lost nothing: what had come is kept, and going on leaves no gap. What
/// it keeps is gone for whoever reads the source directly; release() hands it over.
template <byte_source Source>
class buffered_reader {
public:
    explicit buffered_reader(Source& from) noexcept : from_(&from) {}

    /// What was read and not taken.
    std::span<const std::byte> bytes() const noexcept { return kept_.bytes(); }

    /// Takes the first `n` of bytes().
    void consume(std::size_t n) noexcept { kept_.consume(n); }

    /// Gives up what it keeps, for instance to a protocol that goes on with the source.
    kept_bytes release() noexcept { return std::exchange(kept_, kept_bytes()); }

    /// Waits until there is more in bytes() than before, and yields how much more; 0 at the end of
    /// the stream.
    task<result<std::size_t>> more() {
        kept_.fit();
        if constexpr (lending_source<Source>) {
            if (!lends_nothing_) {
                auto lent = co_await from_->receive_lent();
                if (lent) {
                    kept_.append(lent->bytes());
                    co_return lent->bytes().size();
                }
                if (lent.error() != std::errc::not_supported) co_return lent.error();
                lends_nothing_ = true;
            }
        }
        auto got = co_await from_->read_some(kept_.make_room(read_bytes));
        if (got) kept_.grow(*got);
        if (kept_.empty()) kept_.clear();
        co_return got;
    }

    /// As the source's, but first what was read ahead.
    task<result<std::size_t>> read_some(std::span<std::byte> buffer) {
        if (kept_.empty()) co_return co_await from_->read_some(buffer);
        co_return take(buffer);
    }

    /// Fills the whole of `buffer`, or takes nothing: where it fails, what had come is kept.
    /// errc::end_of_stream says that the stream ends before that, also before the first byte.
    task<result<void>> read_exact(std::span<std::byte> buffer) {
        std::size_t filled = take(buffer);
        while (filled < buffer.size()) {
            auto got = co_await from_->read_some(buffer.subspan(filled));
            if (!got || *got == 0) {
                kept_.prepend(buffer.first(filled));
                if (!got) co_return got.error();
                co_return make_error_code(errc::end_of_stream);
            }
            filled += *got;
        }
        co_return result<void>();
    }

private:
    static constexpr std::size_t read_bytes = 4096;

    std::size_t take(std::span<std::byte> buffer) noexcept {
        const std::size_t n = std::min(buffer.size(), kept_.size());
        std::copy_n(kept_.bytes().begin(), n, buffer.begin());
        kept_.consume(n);
        return n;
    }

    Source* from_;
    kept_bytes kept_;
    bool lends_nothing_ = false;  // a source of many kinds said so
};

}  // namespace conduit

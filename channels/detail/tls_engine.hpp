// SPDX-License-Identifier: BSL-1.0
//
// TLS without any I/O: bytes of the transport in and out, bytes of the user in and out. It keeps
// what came until OpenSSL has taken it, and what is to be sent until somebody takes that.
// tls_stream.hpp moves them.
//
//     while (true) {
//         if (auto got = engine.read(buffer)) return *got;
//         engine.came(more_from_the_peer());
//     }

#pragma once

#include <conduit/channels/tls_context.hpp>
#include <conduit/channels/tls_error.hpp>
#include <conduit/channels/tls_stream.hpp>
#include <conduit/runtime/lent_buffer.hpp>
#include <conduit/runtime/result.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

struct bio_st;  // OpenSSL's
struct ssl_st;

namespace conduit {

/// One end. It stays where it is, since OpenSSL refers to it.
class tls_engine {
public:
    /// `name` is the server's, for a client.
    tls_engine(const tls_context& context, std::string_view name);
    tls_engine(const tls_engine&) = delete;
    tls_engine& operator=(const tls_engine&) = delete;
    ~tls_engine();

    enum class progress { done, wants_input, failed };
    progress shake_hands();
    bool is_established() const noexcept { return established_; }

    /// Takes what can be had now, nothing when it needs input; 0 is the end that the peer made.
    std::optional<result<std::size_t>> read(std::span<std::byte> into);
    /// The same into a buffer that is made once there is something for it.
    std::optional<result<lent_buffer>> read_lent();

    /// Takes all of `bytes`: what was made of them is in the output.
    result<void> write(std::span<const std::byte> bytes);
    /// The last word of this side. Nothing where there is none to be said any more.
    void end_writing();

    // What comes from the transport. All that came before has been taken when it wants input.
    std::span<std::byte> input_room(std::size_t bytes);
    void came(std::size_t bytes);  // in the room; 0 gives it back
    void came(std::span<const std::byte> bytes);
    void input_ended() noexcept { input_ended_ = true; }
    /// How many bytes of a record that has begun are missing at least.
    std::size_t missing() const noexcept { return missing_; }

    // What goes there.
    bool has_output() const noexcept { return !output_.empty(); }
    std::size_t output_size() const noexcept { return output_.size(); }
    std::vector<std::byte> take_output() noexcept { return std::exchange(output_, {}); }

    /// Why it is of no use any more; a zero code while it is.
    std::error_code failure() const noexcept { return failure_; }
    /// The same in words.
    std::string why() const;
    void fail(std::error_code failure, std::string detail = {});

    std::optional<tls_certificate> peer_certificate() const;
    std::string peer_name() const;

    // For the BIO between OpenSSL and this.
    std::size_t give_input(std::span<std::byte> into) noexcept;
    void add_output(std::span<const std::byte> bytes) {
        output_.insert(output_.end(), bytes.begin(), bytes.end());
    }

private:
    void expect_name(const tls_context& context, std::string_view name);
    void look_at_beginning();
    std::size_t input_left() const noexcept { return input_size_ - taken_; }
    bool can_read() const noexcept { return !failure_ && !read_last_; }
    bool note_nothing_read();
    void note_failure(int said);
    void note_refused_certificate();

    std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
    std::unique_ptr<std::byte[]> input_;
    std::size_t input_size_ = 0;
    std::size_t taken_ = 0;  // of the input
    std::size_t missing_ = 0;
    std::vector<std::byte> output_;
    std::error_code failure_;
    std::string detail_;
    bool has_begun_ = false;  // something came
    bool established_ = false;
    bool input_ended_ = false;
    bool wrote_last_ = false;
    bool read_last_ = false;
};

}  // namespace conduit

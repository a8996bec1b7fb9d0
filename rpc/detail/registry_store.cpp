// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/registry_store.hpp>

#include <conduit/channels/detail/quoted.hpp>
#include <conduit/channels/detail/socket_path.hpp>
#include <conduit/channels/file.hpp>
#include <conduit/channels/stream.hpp>
#include <conduit/rpc/codec.hpp>
#include <conduit/rpc/detail/file_rights.hpp>
#include <conduit/rpc/detail/wire.hpp>
#include <conduit/runtime/backend/kernel.hpp>
#include <conduit/runtime/blocking.hpp>
#include <conduit/runtime/timer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

namespace conduit::rpc::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view store_magic = "CDTMATCH";
constexpr std::uint32_t version = 1;
constexpr std::size_t header_size = 48;
constexpr std::size_t checksum_at = 40;
constexpr std::size_t file_bytes_max = std::size_t{512} * 1024 * 1024;
constexpr std::size_t path_shown_max = 1024;
/// A lock may outlive a process that used io_uring, by some milliseconds.
constexpr clock::duration lock_patience = 200ms;

std::uint64_t fnv1a(std::span<const std::byte> bytes) noexcept {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
    for (const std::byte each : bytes) {
        hash ^= std::to_integer<std::uint64_t>(each);
        hash *= 0x0000'0100'0000'01b3;
    }
    return hash;
}

std::string problem_at(const std::string& path, std::error_code why) {
    return fmt::format("{}: {}", quoted(path, path_shown_max), why.message());
}

fault unavailable(const std::string& text) { return fault(status::unavailable, text); }

task<result<std::vector<std::byte>>> read_all(std::string path) {
    auto in = co_await file_reader::open(std::move(path));
    if (!in) co_return in.error();
    std::vector<std::byte> bytes;
    constexpr std::size_t step = 65'536;
    for (;;) {
        const std::size_t before = bytes.size();
        bytes.resize(before + step);
        auto got = co_await in->read_some(std::span(bytes).subspan(before));
        if (!got) co_return got.error();
        bytes.resize(before + *got);
        if (*got == 0) co_return bytes;
        if (bytes.size() > file_bytes_max) {
            co_return std::make_error_code(std::errc::file_too_large);
        }
    }
}

task<result<void>> write_all_to(std::string path, std::vector<std::byte> bytes) {
    const std::vector<std::byte> own = std::move(bytes);
    auto out = co_await file_writer::open(std::move(path));
    if (!out) co_return out.error();
    auto written = co_await write_all(*out, std::span(own));
    if (!written) co_return written.error();
    co_return co_await out->close_writing();
}

/// The epochs of one boot grow with its time, so that they do also where no file is kept; those of
/// the next with what is stored.
std::uint64_t epoch_after(std::uint64_t stored) {
    const auto since_boot =
        std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now().time_since_epoch());
    return std::max(stored, static_cast<std::uint64_t>(since_boot.count())) + 1;
}

}  // namespace

std::vector<std::byte> encode_snapshot(const registry_snapshot& snapshot) {
    std::size_t size = header_size;
    for (const instance& one : snapshot.instances) size += 4 + encoded_size(one);
    std::vector<std::byte> bytes(size);
    std::memcpy(bytes.data(), store_magic.data(), store_magic.size());
    put_u32(&bytes[8], version);
    put_u64(&bytes[16], snapshot.epoch);
    put_u64(&bytes[24], snapshot.revision);
    put_u64(&bytes[32], snapshot.instances.size());
    std::size_t at = header_size;
    for (const instance& one : snapshot.instances) {
        const std::size_t bytes_of_one = encoded_size(one);
        put_u32(&bytes[at], static_cast<std::uint32_t>(bytes_of_one));
        encode_fields(&bytes[at + 4], one);
        at += 4 + bytes_of_one;
    }
    put_u64(&bytes[checksum_at], fnv1a(bytes));  // in which it counts as 0
    return bytes;
}

bool decode_snapshot(std::span<const std::byte> bytes, registry_snapshot& snapshot,
                     std::string& why) {
    const auto refuse = [&why](std::string_view text) {
        why = text;
        return false;
    };
    if (bytes.size() < header_size) return refuse("it is too short");
    if (std::memcmp(bytes.data(), store_magic.data(), store_magic.size()) != 0) {
        return refuse("it is none of conduit's");
    }
    if (const std::uint32_t other = get_u32(&bytes[8]); other != version) {
        return refuse(fmt::format("it is of version {}, not {}", other, version));
    }
    std::vector<std::byte> unsummed(bytes.begin(), bytes.end());
    put_u64(&unsummed[checksum_at], 0);
    if (fnv1a(unsummed) != get_u64(&bytes[checksum_at])) return refuse("its checksum is wrong");
    snapshot.epoch = get_u64(&bytes[16]);
    snapshot.revision = get_u64(&bytes[24]);
    const std::uint64_t count = get_u64(&bytes[32]);
    std::span<const std::byte> rest = bytes.subspan(header_size);
    for (std::uint64_t i = 0; i < count; ++i) {
        if (rest.size() < 4) return refuse("it is too short");
        const std::size_t size = get_u32(rest.data());
        rest = rest.subspan(4);
        if (rest.size() < size) return refuse("it is too short");
        instance one;
        const auto decoded =
            decode_fields(rest.first(size), decode_limits::for_message(size), {}, one);
        if (!decoded) return refuse(decoded.text());
        snapshot.instances.push_back(std::move(one));
        rest = rest.subspan(size);
    }
    return true;
}

std::string registry_store::check_folder() const {
    kernel& here = current_kernel();
    auto made = here.make_directory(folder_, 0700);
    if (!made && made.error() != std::errc::file_exists) return problem_at(folder_, made.error());
    const path_trouble trouble = trouble_with_folders(file());
    if (trouble.code) return trouble.text;
    auto found = here.status_of(folder_);
    if (!found) return problem_at(folder_, found.error());
    if (found->owner != here.effective_user()) {
        return fmt::format("{} belongs to user {}", quoted(folder_, path_shown_max), found->owner);
    }
    if ((found->mode & open_to_others) == 0) return {};
    return fmt::format("{} is open to others (mode {:04o}, where 0700 is wanted)",
                       quoted(folder_, path_shown_max), found->mode);
}

task<stored_registry> registry_store::open() {
    stored_registry found;
    found.next_epoch = epoch_after(0);
    if (folder_.empty()) co_return found;
    found.problem = check_folder();
    if (!found.problem.empty()) co_return found;
    const std::string lock_path = folder_ + "/lock";
    auto lock = current_kernel().lock_file(lock_path);
    const clock::time_point patience = clock::now() + lock_patience;
    while (lock.error() == std::errc::resource_unavailable_try_again && clock::now() < patience) {
        const auto stopped = co_await sleep_for(10ms);
        if (stopped) break;
        lock = current_kernel().lock_file(lock_path);
    }
    if (lock.error() == std::errc::resource_unavailable_try_again) {
        throw unavailable(
            fmt::format("another matchmaker uses {}", quoted(folder_, path_shown_max)));
    }
    if (!lock) {
        found.problem = problem_at(lock_path, lock.error());
    } else {
        lock_ = std::move(*lock);
    }
    auto bytes = co_await read_all(file());
    found.had_predecessor = bytes || bytes.error() != std::errc::no_such_file_or_directory;
    std::string why;
    if (!bytes) {
        if (found.had_predecessor) found.problem = problem_at(file(), bytes.error());
    } else if (!decode_snapshot(*bytes, found.snapshot, why)) {
        found.problem = fmt::format("{} is not taken up: {}", quoted(file(), path_shown_max), why);
        found.snapshot = registry_snapshot();
    }
    found.next_epoch = epoch_after(found.snapshot.epoch);
    co_return found;
}

task<result<void, fault>> registry_store::save(registry_snapshot snapshot) {
    const auto own = std::make_shared<const registry_snapshot>(std::move(snapshot));
    if (!keeps()) co_return result<void, fault>();
    const std::string path = file();
    const std::string fresh = path + ".new";
    auto encode = [own] { return encode_snapshot(*own); };
    auto encoded = co_await blocking(std::move(encode));
    if (!encoded) co_return unavailable(encoded.error().message());
    auto done = co_await write_all_to(fresh, std::move(*encoded));
    if (done) {
        kernel* const here = &current_kernel();
        auto replace = [here, fresh, path, folder = folder_]() -> result<void> {
            auto durable = here->make_durable(fresh);
            if (durable) durable = here->rename(fresh, path);
            if (durable) durable = here->make_durable(folder);
            return durable;
        };
        done = co_await blocking(std::move(replace));
    }
    if (done) co_return result<void, fault>();
    static_cast<void>(current_kernel().remove(fresh));
    co_return unavailable(problem_at(path, done.error()));
}

}  // namespace conduit::rpc::detail

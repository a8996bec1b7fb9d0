// SPDX-License-Identifier: BSL-1.0
//
// What the codec costs: one record to bytes and back, beside raw/hand_codec.cpp, which does the
// same by hand. docs/guide/benchmarks.md says how the figures are read.
//
//     codec_bench --benchmark_filter=codec.decode

#include "codec_record.hpp"

#include <benchmark/benchmark.h>
#include <conduit/rpc/codec.hpp>

#include <array>
#include <cstddef>
#include <vector>

namespace {

namespace rpc = conduit::rpc;

std::vector<std::byte> sample_bytes() {
    const record value = sample_record();
    std::vector<std::byte> bytes(rpc::encoded_size(value));
    rpc::encode_fields(bytes.data(), value);
    return bytes;
}

void codec_encode(benchmark::State& state) {
    const record value = sample_record();
    std::array<std::byte, 1024> buffer;
    for (auto _ : state) {
        if (rpc::encoded_size(value) > buffer.size()) state.SkipWithError("too large");
        rpc::encode_fields(buffer.data(), value);
        benchmark::DoNotOptimize(buffer.data());
        benchmark::ClobberMemory();
    }
}
BENCHMARK(codec_encode)->Name("codec.encode/conduit");

void hand_encode(benchmark::State& state) {
    const record value = sample_record();
    std::array<std::byte, 1024> buffer;
    for (auto _ : state) {
        if (::hand_size(value) > buffer.size()) state.SkipWithError("too large");
        ::hand_encode(buffer.data(), value);
        benchmark::DoNotOptimize(buffer.data());
        benchmark::ClobberMemory();
    }
}
BENCHMARK(hand_encode)->Name("codec.encode/by_hand");

void codec_decode(benchmark::State& state) {
    const auto bytes = sample_bytes();
    for (auto _ : state) {
        record value;
        const auto limits = rpc::decode_limits::for_message(bytes.size());
        if (!rpc::decode_fields(bytes, limits, {}, value)) state.SkipWithError("not decoded");
        benchmark::DoNotOptimize(value);
    }
}
BENCHMARK(codec_decode)->Name("codec.decode/conduit");

void hand_decode(benchmark::State& state) {
    const auto bytes = sample_bytes();
    for (auto _ : state) {
        record value;
        if (!::hand_decode(bytes.data(), bytes.data() + bytes.size(), value)) {
            state.SkipWithError("not decoded");
        }
        benchmark::DoNotOptimize(value);
    }
}
BENCHMARK(hand_decode)->Name("codec.decode/by_hand");

}  // namespace

int main(int argc, char** argv) {
    const record value = sample_record();
    const auto bytes = sample_bytes();
    std::vector<std::byte> by_hand(hand_size(value));
    hand_encode(by_hand.data(), value);
    record again;
    if (by_hand != bytes || !hand_decode(bytes.data(), bytes.data() + bytes.size(), again) ||
        again != value) {
        return 1;  // not the same work
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}

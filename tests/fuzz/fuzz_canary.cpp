// SPDX-License-Identifier: BSL-1.0
//
// A reader of records with a planted bug: a fuzzer that does not find it within seconds finds
// nothing else either, so scripts/fuzz.sh fails then.

#include <cstddef>
#include <cstdint>

namespace {

volatile std::uint8_t last_seen;

/// "cdt", a length and as many bytes.
void read_record(const std::uint8_t* bytes, std::size_t size) {
    if (size < 4 || bytes[0] != 'c' || bytes[1] != 'd' || bytes[2] != 't') return;
    const std::size_t length = bytes[3];
    if (length == 0 || length > size) return;  // the bug: four of these bytes are the head
    last_seen = bytes[4 + length - 1];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    read_record(bytes, size);
    return 0;
}

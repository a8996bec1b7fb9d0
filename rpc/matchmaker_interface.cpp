// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/matchmaker_interface.hpp>

namespace conduit::rpc {

std::string_view to_string(answer_source source) noexcept {
    switch (source) {
        case answer_source::live: return "live";
        case answer_source::warming: return "warming";
        case answer_source::cache: return "cache";
        case answer_source::file: return "file";
    }
    return "unknown";
}

}  // namespace conduit::rpc

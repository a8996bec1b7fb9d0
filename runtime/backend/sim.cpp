// SPDX-License-Identifier: BSL-1.0
#include <conduit/runtime/backend/backend.hpp>
namespace conduit {
std::unique_ptr<backend> make_sim_backend(const scheduler_options&) { throw std::system_error(std::make_error_code(std::errc::not_supported)); }
}

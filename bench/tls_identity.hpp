// SPDX-License-Identifier: BSL-1.0
//
// A certificate for "localhost" that vouches for itself, and its key, good from 2000 to 9999: for
// rows over TLS. It is no secret.
//
//     auto context = bench::tls_for_server();

#pragma once

#include <conduit/channels/tls_context.hpp>

#include <memory>

namespace bench {

inline constexpr const char* tls_certificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBATCBtKADAgECAgEBMAUGAytlcDAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwIBcN\n"
    "MDAwMTAxMDAwMDAwWhgPOTk5OTEyMzEwMDAwMDBaMBQxEjAQBgNVBAMMCWxvY2Fs\n"
    "aG9zdDAqMAUGAytlcAMhAHOhfmj+fqV/UcLq96lNXTGnqyeA+mBGlS6XdK6GTBrl\n"
    "oykwJzAPBgNVHRMBAf8EBTADAQH/MBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAFBgMr\n"
    "ZXADQQDgR+5tpE8000HMyiKlwRXcaDWBOu5KcOS2aYWidBLEwQb+hBPMYlaP/t+D\n"
    "FRIh9UyMhbF4dq5OcDucHvcGeOMM\n"
    "-----END CERTIFICATE-----\n";
inline constexpr const char* tls_key =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIHM3w058FHgMGKaSCT35Lpr5Plm8LaXrgzisVqXUqh23\n"
    "-----END PRIVATE KEY-----\n";

inline std::shared_ptr<conduit::tls_context> tls_for_server() {
    const auto options = conduit::tls_options().certificate_text(tls_certificate, tls_key);
    return conduit::tls_context::for_server(options).value();
}

inline std::shared_ptr<conduit::tls_context> tls_for_client() {
    const auto options = conduit::tls_options().trust_text(tls_certificate);
    return conduit::tls_context::for_client(options).value();
}

}  // namespace bench

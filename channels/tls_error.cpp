// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/tls_error.hpp>

#include <string>

namespace conduit {
namespace {

class tls_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "conduit.tls"; }

    std::string message(int code) const override {
        switch (static_cast<tls_errc>(code)) {
            case tls_errc::unusable_files:
                return "the certificate, key or roots for TLS cannot be used";
            case tls_errc::not_tls: return "the peer does not speak TLS";
            case tls_errc::old_version: return "the peer does not offer TLS 1.3";
            case tls_errc::broken_rules: return "what came is no proper TLS";
            case tls_errc::too_many_answers: return "the peer asks for answers and reads none";
            case tls_errc::certificate_missing: return "the peer showed no certificate";
            case tls_errc::certificate_expired: return "the certificate of the peer has expired";
            case tls_errc::certificate_not_yet_valid:
                return "the certificate of the peer is not valid yet";
            case tls_errc::certificate_untrusted:
                return "the certificate of the peer leads to no trusted root";
            case tls_errc::certificate_wrong_name:
                return "the certificate of the peer is for another name";
            case tls_errc::certificate_refused: return "the certificate of the peer cannot be used";
            case tls_errc::peer_wants_certificate:
                return "the peer wants a certificate and got none";
            case tls_errc::peer_found_expired:
                return "the peer found the certificate of this side expired";
            case tls_errc::peer_found_untrusted:
                return "the peer does not trust the root of the certificate of this side";
            case tls_errc::peer_refused_certificate:
                return "the peer refused the certificate of this side";
            case tls_errc::peer_refused: return "the peer ended TLS with an alert";
        }
        return "unknown error";
    }

    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<tls_errc>(code)) {
            case tls_errc::unusable_files: return std::errc::invalid_argument;
            case tls_errc::not_tls:
            case tls_errc::old_version:
            case tls_errc::broken_rules:
            case tls_errc::too_many_answers: return std::errc::protocol_error;
            case tls_errc::certificate_missing:
            case tls_errc::certificate_expired:
            case tls_errc::certificate_not_yet_valid:
            case tls_errc::certificate_untrusted:
            case tls_errc::certificate_wrong_name:
            case tls_errc::certificate_refused:
            case tls_errc::peer_wants_certificate:
            case tls_errc::peer_found_expired:
            case tls_errc::peer_found_untrusted:
            case tls_errc::peer_refused_certificate: return std::errc::permission_denied;
            case tls_errc::peer_refused: return std::errc::connection_aborted;
        }
        return {code, *this};
    }
};

}  // namespace

const std::error_category& tls_error_category() noexcept {
    static const tls_category only;
    return only;
}

std::error_code make_error_code(tls_errc code) noexcept {
    return {static_cast<int>(code), tls_error_category()};
}

}  // namespace conduit

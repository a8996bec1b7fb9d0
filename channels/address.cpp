// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/address.hpp>
#include <conduit/channels/detail/quoted.hpp>
#include <conduit/runtime/socket_address.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace conduit {
namespace {

/// What is wrong, and at which byte of the part that was looked at.
struct flaw {
    std::size_t at;
    std::string what;
};
using flaw_if_any = std::optional<flaw>;

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\n'; }

bool is_one_of(char c, std::string_view others) noexcept {
    return is_letter(c) || is_digit(c) || others.find(c) != others.npos;
}
bool all_digits(std::string_view text) noexcept {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

/// The first byte that is neither a letter, a digit nor one of `others`.
std::size_t first_foreign(std::string_view text, std::string_view others) noexcept {
    const auto found =
        std::find_if_not(text.begin(), text.end(), [&](char c) { return is_one_of(c, others); });
    return found == text.end() ? text.npos : static_cast<std::size_t>(found - text.begin());
}

flaw_if_any check_path(std::string_view path) {
    if (path.empty()) return flaw{0, "a path is missing"};
    if (path.size() > address::path_bytes_max) {
        return flaw{address::path_bytes_max,
                    fmt::format("the path has {} bytes; at most {} are possible", path.size(),
                                address::path_bytes_max)};
    }
    const std::size_t zero = path.find('\0');
    if (zero != path.npos) return flaw{zero, "a path cannot hold a zero byte"};
    return std::nullopt;
}

flaw_if_any check_unix_path(std::string_view path) {
    if (path.starts_with('@')) {
        return flaw{0, "there are no abstract names; a file of this name is written ./@..."};
    }
    return check_path(path);
}

flaw_if_any check_ipv6(std::string_view host) {
    const std::size_t percent = host.find('%');
    if (host.find(':') == host.npos || !socket_address::ip(host.substr(0, percent), 0)) {
        return flaw{0, "this is not an IPv6 address"};
    }
    if (percent == host.npos) return std::nullopt;
    const std::string_view zone = host.substr(percent + 1);
    if (zone.empty() || zone.size() > 15 || first_foreign(zone, "._-") != zone.npos) {
        return flaw{percent + 1, "behind % stands an interface: 1 to 15 letters, digits, . _ -"};
    }
    return std::nullopt;
}

/// One part of a name between two dots.
flaw_if_any check_label(std::string_view label) {
    if (label.empty()) return flaw{0, "a part of the host name is empty"};
    if (label.size() > 63) {
        return flaw{63, fmt::format("a part of the host name has {} bytes; at most 63 are possible",
                                    label.size())};
    }
    const std::size_t foreign = first_foreign(label, "-_");
    if (foreign != label.npos) {
        return flaw{foreign,
                    "a host name has letters a to z, digits, - and _ only; write other letters in "
                    "the form xn--..."};
    }
    return std::nullopt;
}

flaw_if_any check_host(std::string_view host) {
    if (host.empty()) return flaw{0, "a host is missing; all interfaces are 0.0.0.0 or [::]"};
    if (host.size() > address::host_bytes_max) {
        return flaw{address::host_bytes_max,
                    fmt::format("the host has {} bytes; at most {} are possible", host.size(),
                                address::host_bytes_max)};
    }
    if (host.find(':') != host.npos) return check_ipv6(host);
    const std::string_view labels = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
    std::size_t begin = 0;
    std::string_view label;
    for (std::size_t end = 0; end != labels.npos; begin = end + 1) {
        end = labels.find('.', begin);
        label = labels.substr(begin, end == labels.npos ? end : end - begin);
        if (auto wrong = check_label(label)) return flaw{begin + wrong->at, wrong->what};
        if (end == labels.npos) break;
    }
    if (all_digits(label) && !socket_address::ip(host, 0)) {
        return flaw{0, "this is not an IPv4 address: four numbers from 0 to 255"};
    }
    return std::nullopt;
}

flaw_if_any check_service(std::string_view service) {
    if (service.empty()) return flaw{0, "a port is missing; 0 lets the kernel choose one"};
    if (all_digits(service)) {
        const bool fits = service.size() < 5 || (service.size() == 5 && service <= "65535");
        if (!fits) return flaw{0, "a port is at most 65535"};
        if (service.size() > 1 && service[0] == '0') return flaw{0, "a port begins with no 0"};
        return std::nullopt;
    }
    if (service.size() > address::service_bytes_max) {
        return flaw{address::service_bytes_max,
                    fmt::format("the service has {} bytes; at most {} are possible", service.size(),
                                address::service_bytes_max)};
    }
    const std::size_t foreign = first_foreign(service, "-_+.");
    if (foreign != service.npos) {
        return flaw{foreign, "a port is a number up to 65535 or the name of a service"};
    }
    if (std::none_of(service.begin(), service.end(), is_letter)) {
        return flaw{0, "a port is a number up to 65535 or the name of a service"};
    }
    return std::nullopt;
}

flaw_if_any check_words(const std::vector<std::string>& words) {
    if (words.empty() || words.front().empty()) return flaw{0, "a program is missing"};
    if (words.size() > address::exec_words_max) {
        return flaw{0, fmt::format("there are {} words; at most {} are possible", words.size(),
                                   address::exec_words_max)};
    }
    std::size_t bytes = 0;
    for (const std::string& word : words) {
        if (word.find('\0') != word.npos) return flaw{0, "a word cannot hold a zero byte"};
        bytes += word.size() + 1;
    }
    if (bytes > address::exec_bytes_max) {
        return flaw{0, fmt::format("the words have {} bytes; at most {} are possible", bytes,
                                   address::exec_bytes_max)};
    }
    return std::nullopt;
}

/// Splits the words behind exec: by the rules in the header.
class word_splitter {
public:
    explicit word_splitter(std::string_view text) noexcept : text_(text) {}

    flaw_if_any split(std::vector<std::string>& into) {
        while (skip_blanks()) {
            std::string word;
            while (at_ < text_.size() && !is_blank(text_[at_])) {
                if (auto wrong = take_piece(word)) return wrong;
            }
            into.push_back(std::move(word));
        }
        return std::nullopt;
    }

private:
    bool skip_blanks() noexcept {
        while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
        return at_ < text_.size();
    }

    flaw_if_any take_piece(std::string& word) {
        switch (text_[at_]) {
            case '\'': return take_quoted(word);
            case '"': return take_double_quoted(word);
            case '\\': return take_escaped(word);
            default: word += text_[at_++]; return std::nullopt;
        }
    }

    flaw_if_any take_quoted(std::string& word) {
        const std::size_t open = at_++;
        const std::size_t close = text_.find('\'', at_);
        if (close == text_.npos) return flaw{open, "this ' is not closed"};
        word += text_.substr(at_, close - at_);
        at_ = close + 1;
        return std::nullopt;
    }

    flaw_if_any take_double_quoted(std::string& word) {
        const std::size_t open = at_++;
        while (at_ < text_.size() && text_[at_] != '"') {
            if (text_[at_] == '\\') {
                if (auto wrong = take_escaped(word)) return wrong;
            } else {
                word += text_[at_++];
            }
        }
        if (at_ == text_.size()) return flaw{open, "this \" is not closed"};
        ++at_;
        return std::nullopt;
    }

    flaw_if_any take_escaped(std::string& word) {
        if (at_ + 1 == text_.size()) return flaw{at_, "nothing stands behind this \\"};
        word += text_[at_ + 1];
        at_ += 2;
        return std::nullopt;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

std::string as_word(const std::string& word) {
    const auto is_plain = [](char c) { return is_one_of(c, "_./:=@%+,-"); };
    if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return word;
    std::string out = "'";
    for (const char c : word) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + "'";
}

struct form {
    std::string_view scheme;
    address_kind kind;
};
constexpr std::array<form, 6> forms = {{
    {"unix", address_kind::unix_socket},
    {"tcp", address_kind::tcp},
    {"udp", address_kind::udp},
    {"fifo", address_kind::fifo},
    {"exec", address_kind::exec},
    {"stdio", address_kind::stdio},
}};

std::string_view scheme_of(address_kind kind) noexcept {
    for (const form& one : forms) {
        if (one.kind == kind) return one.scheme;
    }
    return {};
}

std::error_code report(std::string_view text, const flaw& wrong, std::string* why) {
    if (why != nullptr) {
        *why = fmt::format("address {}, byte {}: {}", quoted(text), wrong.at, wrong.what);
    }
    return std::make_error_code(std::errc::invalid_argument);
}

}  // namespace

/// Reads one form of text; a flaw's place is counted in all of it.
class address::parser {
public:
    explicit parser(std::string_view text) noexcept : text_(text) {}

    flaw_if_any parse(address& into) {
        const std::size_t colon = text_.find(':');
        const std::string_view scheme = text_.substr(0, colon);
        const auto* const found = std::find_if(
            forms.begin(), forms.end(), [&](const form& one) { return one.scheme == scheme; });
        if (colon == text_.npos || found == forms.end()) {
            return flaw{0, "it begins with none of unix: tcp: udp: fifo: exec: stdio:"};
        }
        into.kind_ = found->kind;
        start_ = colon + 1;
        if (auto wrong = parse_rest(into)) return flaw{start_ + wrong->at, wrong->what};
        return std::nullopt;
    }

private:
    flaw_if_any parse_rest(address& into) {
        const std::string_view rest = text_.substr(start_);
        switch (into.kind_) {
            case address_kind::unix_socket: into.path_ = rest; return check_unix_path(rest);
            case address_kind::fifo: into.path_ = rest; return check_path(rest);
            case address_kind::tcp:
            case address_kind::udp: return parse_host_and_service(rest, into);
            case address_kind::exec: return parse_words(rest, into);
            case address_kind::stdio: break;
        }
        if (!rest.empty()) return flaw{0, "nothing follows stdio:"};
        return std::nullopt;
    }

    static flaw_if_any parse_words(std::string_view rest, address& into) {
        if (auto wrong = word_splitter(rest).split(into.words_)) return wrong;
        return check_words(into.words_);
    }

    static flaw_if_any parse_host_and_service(std::string_view rest, address& into) {
        const bool bracketed = rest.starts_with('[');
        const std::size_t close = bracketed ? rest.find(']') : 0;
        if (close == rest.npos) return flaw{0, "this [ is not closed"};
        const std::size_t colon = bracketed ? close + 1 : rest.find(':');
        if (colon >= rest.size() || rest[colon] != ':') {
            return flaw{std::min(colon, rest.size()), "a colon and a port are missing"};
        }
        const std::string_view host = bracketed ? rest.substr(1, close - 1) : rest.substr(0, colon);
        const std::string_view service = rest.substr(colon + 1);
        if (!bracketed && service.find(':') != service.npos) {
            return flaw{0, "an IPv6 address stands in brackets: [::1]:80"};
        }
        auto wrong = bracketed ? check_ipv6(host) : check_host(host);
        if (wrong) return flaw{wrong->at + (bracketed ? 1 : 0), wrong->what};
        into.set_host(host);
        into.service_ = service;
        wrong = check_service(service);
        if (wrong) return flaw{colon + 1 + wrong->at, wrong->what};
        return std::nullopt;
    }

    std::string_view text_;
    std::size_t start_ = 0;
};

// A name means the same in large and small letters, the name of an interface does not.
void address::set_host(std::string_view host) {
    host_ = host;
    if (host_.find(':') != host_.npos) return;
    for (char& c : host_) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
}

result<address> address::parse(std::string_view text, std::string* why) {
    address made(address_kind::stdio);
    if (auto wrong = parser(text).parse(made)) return report(text, *wrong, why);
    return made;
}

result<address> address::unix_socket(std::string_view path, std::string* why) {
    if (auto wrong = check_unix_path(path)) return report(path, *wrong, why);
    address made(address_kind::unix_socket);
    made.path_ = path;
    return made;
}

result<address> address::fifo(std::string_view path, std::string* why) {
    if (auto wrong = check_path(path)) return report(path, *wrong, why);
    address made(address_kind::fifo);
    made.path_ = path;
    return made;
}

result<address> address::from_host(address_kind kind, std::string_view host,
                                   std::string_view service, std::string* why) {
    if (auto wrong = check_host(host)) return report(host, *wrong, why);
    if (auto wrong = check_service(service)) return report(service, *wrong, why);
    address made(kind);
    made.set_host(host);
    made.service_ = service;
    return made;
}

result<address> address::tcp(std::string_view host, std::string_view service, std::string* why) {
    return from_host(address_kind::tcp, host, service, why);
}

result<address> address::udp(std::string_view host, std::string_view service, std::string* why) {
    return from_host(address_kind::udp, host, service, why);
}

result<address> address::exec(std::vector<std::string> words, std::string* why) {
    if (auto wrong = check_words(words)) {
        return report(words.empty() ? std::string_view() : words.front(), *wrong, why);
    }
    address made(address_kind::exec);
    made.words_ = std::move(words);
    return made;
}

std::string to_string(const address& from) {
    std::string out = fmt::format("{}:{}", scheme_of(from.kind()), from.path());
    if (from.kind() == address_kind::tcp || from.kind() == address_kind::udp) {
        const bool brackets = from.host().find(':') != std::string::npos;
        out += brackets ? "[" + from.host() + "]" : from.host();
        out += ":" + from.service();
    }
    for (std::size_t i = 0; i < from.words().size(); ++i) {
        if (i != 0) out += ' ';
        out += as_word(from.words()[i]);
    }
    return out;
}

}  // namespace conduit

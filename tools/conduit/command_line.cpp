// SPDX-License-Identifier: BSL-1.0
#include "command_line.hpp"

#include "duration.hpp"
#include "printable.hpp"
#include "version.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <sstream>
#include <utility>

namespace conduit::tool {
namespace {

using namespace std::chrono_literals;

/// CLI11 cuts a word in brackets at its commas, and takes no option-like words behind "--" once it
/// has one; what begins with this byte it leaves alone. No word of a command line holds a zero byte
/// of its own.
constexpr char guard = '\0';

constexpr const char* where_to_read =
    "Exit: 0 done, 1 failed, 2 bad usage, 3 not found or not reached, 4 timed out, 130 "
    "interrupted.\n"
    "More: man conduit";

std::optional<rpc::interface_version> parse_version(const std::string& text) {
    rpc::interface_version version;
    const char* const end = text.data() + text.size();
    const auto major = std::from_chars(text.data(), end, version.major);
    if (major.ec != std::errc()) return std::nullopt;
    if (major.ptr == end) return version;
    const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
    if (*major.ptr != '.' || minor.ec != std::errc() || minor.ptr != end) return std::nullopt;
    return version;
}

/// The grammar, which fills in a request.
class grammar {
public:
    grammar() : app_("Looks at conduit's servers, and calls them.", "conduit") {
        app_.require_subcommand(1);
        app_.set_version_flag("--version", std::string("conduit ") + version);
        app_.footer(where_to_read);
        add_names();
        add_servers();
        add_host();
    }

    CLI::App& app() noexcept { return app_; }

    request take() {
        for (std::string& word : wanted_.words) {
            if (word.starts_with(guard)) word.erase(0, 1);
        }
        for (const CLI::App* verb : app_.get_subcommands()) wanted_.verb = verb->get_name();
        return std::move(wanted_);
    }

private:
    CLI::App* verb(const std::string& name, const std::string& text) {
        CLI::App* added = app_.add_subcommand(name, text);
        added->add_flag("--json", wanted_.json, "Print JSON, a value a line; errors as well");
        added->add_option("--colour,--color", wanted_.colour, "auto, always or never")
            ->check(CLI::IsMember({"auto", "always", "never"}))
            ->type_name("WHEN");
        return added;
    }

    void take_words(CLI::App* verb, const char* name, const char* text) {
        verb->add_option(name, wanted_.words, text)->type_name("");
    }

    void take_time(CLI::App* verb, const char* text) {
        const auto set = [this](const std::string& given) {
            auto time = parse_duration(given, 1s);
            if (!time) throw CLI::ValidationError("--timeout", time.error());
            wanted_.timeout = *time;
        };
        verb->add_option_function<std::string>("--timeout", set, text)->type_name("TIME");
    }

    void take_place(CLI::App* verb) {
        verb->add_option("--at", wanted_.at, "Ask the server at this address, no matchmaker")
            ->type_name("ADDRESS");
        take_matchmaker(verb);
    }

    void take_matchmaker(CLI::App* verb) {
        verb->add_option(
                "--matchmaker", wanted_.matchmaker,
                "user, system, an address, file:PATH or list:TEXT; else CONDUIT_MATCHMAKER")
            ->type_name("PLACE");
        verb->add_option("--server-user", wanted_.server_users,
                         "Trust servers of this user too: a number, a name, or any")
            ->type_name("USER")
            ->allow_extra_args(false);
        verb->add_flag("--tls", wanted_.tls, "Speak TLS, and trust this system's authorities");
        verb->add_option("--tls-trust", wanted_.tls_trust,
                         "Speak TLS, and trust the certificates in this file")
            ->type_name("FILE")
            ->allow_extra_args(false);
        auto* certificate = verb->add_option("--tls-certificate", wanted_.tls_certificate,
                                             "This side's certificate");
        auto* key = verb->add_option("--tls-key", wanted_.tls_key, "The key that belongs to it");
        certificate->type_name("FILE")->needs(key);
        key->type_name("FILE")->needs(certificate);
        verb->add_option("--tls-name", wanted_.tls_name,
                         "The name in the server's certificate; the host unless given")
            ->type_name("NAME");
    }

    void take_query(CLI::App* verb) {
        const auto set = [this](const std::string& given) {
            wanted_.version = parse_version(given);
            if (!wanted_.version) {
                throw CLI::ValidationError("--interface-version", "expected a version such as 1.2");
            }
        };
        verb->add_option_function<std::string>("--interface-version", set,
                                               "Only what serves this version")
            ->type_name("MAJOR.MINOR");
        verb->add_option("--tag", wanted_.tags, "Only what has this tag; all of several")
            ->type_name("TAG")
            ->allow_extra_args(false);
    }

    void take_wait(CLI::App* verb) {
        verb->add_flag("--wait", wanted_.wait, "Wait until somebody offers it");
    }

    void add_names() {
        constexpr const char* ten_seconds = "Give up after this; 10s unless given";
        constexpr const char* no_limit = "Give up after this; never unless given";
        auto* list = verb("list", "Print what is offered, by the beginning of its name");
        take_words(list, "PREFIX", "What names begin with; all of them unless given");
        list->add_flag("--names", wanted_.names_only, "Print names alone, each once");
        take_time(list, ten_seconds);
        take_place(list);
        auto* lookup = verb("lookup", "Print who offers a name now");
        take_words(lookup, "NAME", "Of an interface");
        take_query(lookup);
        take_time(lookup, ten_seconds);
        take_place(lookup);
        auto* find = verb("find", "Print the address of the best instance of a name");
        take_words(find, "NAME", "Of an interface");
        take_wait(find);
        take_query(find);
        take_time(find, "Give up after this; 10s unless given, never with --wait");
        take_place(find);
        auto* watch = verb("watch", "Print what is offered, and then each change");
        take_words(watch, "PREFIX", "What names begin with; all of them unless given");
        take_time(watch, no_limit);
        take_place(watch);
        auto* waits = verb("waits", "Print who waits for which name");
        take_time(waits, ten_seconds);
        take_matchmaker(waits);
    }

    void add_servers() {
        constexpr const char* ten_seconds = "Give up after this; 10s unless given";
        auto* describe = verb("describe", "Print the methods and types of interfaces");
        take_words(describe, "TARGET", "NAME, or ADDRESS [NAME]");
        take_instance(describe, ten_seconds);
        auto* call = verb("call", "Call a method");
        take_words(call, "TARGET",
                   "NAME.METHOD ARGUMENT..., or ADDRESS [NAME.]METHOD ARGUMENT...; items of a "
                   "stream come from standard input, as JSON, one a line");
        take_instance(call, "Give up after this; the method's own deadline unless given");
        auto* health = verb("health", "Print whether a server wants work");
        take_words(health, "TARGET", "NAME [SERVICE], or ADDRESS [SERVICE]");
        health->add_flag("--watch", wanted_.watch, "Print each change as well");
        take_instance(health, "Give up after this; 10s unless given, never with --watch");
        auto* stats = verb("stats", "Print what a server has done so far");
        take_words(stats, "TARGET", "NAME or ADDRESS");
        stats->add_flag("--prometheus", wanted_.prometheus, "Print it as Prometheus reads it");
        take_instance(stats, ten_seconds);
    }

    void take_instance(CLI::App* verb, const char* timeout) {
        take_wait(verb);
        take_query(verb);
        take_time(verb, timeout);
        take_place(verb);
    }

    void add_host() {
        auto* doctor = verb("doctor", "Print which backend this host would use and why");
        take_time(doctor, "Give up after this; 10s unless given");
        take_matchmaker(doctor);
        auto* completion = app_.add_subcommand("completion", "Print a script for a shell");
        take_words(completion, "SHELL", "bash, zsh or fish");
    }

    CLI::App app_;
    request wanted_;
};

/// Of words that are not understood.
bool asks_for_json(const std::vector<std::string>& words) {
    const auto end = std::find(words.begin(), words.end(), "--");
    return std::find(words.begin(), end, "--json") != end;
}

}  // namespace

command_line read_command_line(const std::vector<std::string>& words) {
    grammar known;
    std::vector<std::string> last_first;
    bool is_guarded = false;
    for (const std::string& word : words) {
        if (word == "--" && !is_guarded) {
            is_guarded = true;
            continue;
        }
        const bool is_bracketed = word.starts_with('[');
        last_first.insert(last_first.begin(), is_guarded || is_bracketed ? guard + word : word);
    }
    command_line read;
    try {
        known.app().parse(std::move(last_first));
        read.wanted = known.take();
    } catch (const CLI::ParseError& why) {
        std::ostringstream out;
        std::ostringstream error;
        const bool is_good = known.app().exit(why, out, error) == 0;
        read.code = is_good ? exit_code::ok : exit_code::usage;
        read.text = is_good ? out.str() : "conduit: " + printable_lines(error.str());
        read.json = !is_good && asks_for_json(words);
        if (read.json) read.text = why.what();
    }
    return read;
}

std::vector<verb_words> known_words() {
    grammar known;
    std::vector<verb_words> all;
    for (const CLI::App* verb : known.app().get_subcommands([](const CLI::App*) { return true; })) {
        verb_words one{verb->get_name(), verb->get_description(), {}};
        for (const CLI::Option* option : verb->get_options()) {
            for (const std::string& name : option->get_lnames()) {
                one.options.push_back("--" + name);
            }
        }
        all.push_back(std::move(one));
    }
    return all;
}

}  // namespace conduit::tool

// SPDX-License-Identifier: BSL-1.0
//
// conduit-check-awaits FILE...: refuses the uses of co_await that g++ 12 miscompiles.
//
// Prints `file:line: reason` for each and exits with 1; with 2 when a file cannot be read.

#include "await_rules.hpp"

#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace {

std::string contents_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in) {
        throw std::runtime_error("cannot read " + path);
    }
    return text;
}

int check(int count, char** paths) {
    bool clean = true;
    for (int i = 0; i < count; ++i) {
        for (const auto& found : conduit::lint::check_awaits(contents_of(paths[i]))) {
            std::cerr << paths[i] << ':' << found.line << ": error: " << found.reason << '\n';
            clean = false;
        }
    }
    return clean ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::cerr << "usage: conduit-check-awaits FILE...\n";
        return 2;
    }
    try {
        return check(argc - 1, argv + 1);
    } catch (const std::exception& error) {
        std::cerr << "conduit-check-awaits: " << error.what() << '\n';
        return 2;
    }
}

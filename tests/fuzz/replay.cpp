// SPDX-License-Identifier: BSL-1.0
//
// main() of a fuzz target where there is no libFuzzer: gives it each file once, in the order of
// their names.
//
//     fuzz_address PATH...     files, or folders whose files are meant

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

namespace {

std::vector<std::filesystem::path> files_below(const std::filesystem::path& path) {
    if (!std::filesystem::is_directory(path)) {
        return {path};
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

void replay(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        throw std::runtime_error("cannot read " + path.string());
    }
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    // A vector of its own size, so that a sanitizer sees a read of one byte too many.
    const std::vector<std::uint8_t> input(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(input.data(), input.size());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        std::size_t replayed = 0;
        for (const char* argument : std::vector<const char*>(argv + 1, argv + argc)) {
            for (const auto& file : files_below(argument)) {
                std::cout << file.string() << std::endl;  // the last line names who crashed
                replay(file);
                ++replayed;
            }
        }
        std::cout << "replayed " << replayed << " inputs\n";
        return replayed != 0 ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << "replay: " << error.what() << '\n';
        return 2;
    }
}

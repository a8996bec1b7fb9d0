// SPDX-License-Identifier: BSL-1.0
#include "words.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>

namespace word_count {
namespace {

constexpr char small(char letter) noexcept {
    return static_cast<char>(static_cast<unsigned char>(letter) | 0x20U);  // ASCII: one bit
}

}  // namespace

std::vector<counted_word> words_of(std::string_view text) {
    std::unordered_map<std::string, std::uint64_t> times;
    std::string word;
    for (const char byte : text) {
        if (is_letter(byte)) {
            word.push_back(small(byte));
        } else if (!word.empty()) {
            ++times[word];
            word.clear();
        }
    }
    if (!word.empty()) ++times[word];

    std::vector<counted_word> all;
    all.reserve(times.size());
    while (!times.empty()) {
        auto each = times.extract(times.begin());
        all.push_back({std::move(each.key()), each.mapped()});
    }
    return all;
}

std::uint64_t word_table::times(const std::string& word) const {
    const auto found = times_.find(word);
    return found == times_.end() ? 0 : found->second;
}

std::vector<counted_word> word_table::sorted() const {
    std::vector<counted_word> all;
    all.reserve(times_.size());
    for (const auto& [word, times] : times_) all.push_back({word, times});
    std::sort(all.begin(), all.end(), [](const counted_word& one, const counted_word& other) {
        return std::tie(one.times, one.word) > std::tie(other.times, other.word);
    });
    return all;
}

}  // namespace word_count

// SPDX-License-Identifier: BSL-1.0
//
// What a word is, and tables of words: the same here as for
//
//     LC_ALL=C tr -cs 'A-Za-z' '\n' | LC_ALL=C tr 'A-Z' 'a-z' | sort | uniq -c | sort -rn
//
// A word is a run of the letters A to Z and a to z of ASCII, as long as it gets; capitals count as
// small letters. Every other byte parts words: digits, apostrophes, NUL, and each byte of what
// UTF-8 needs several for, so that "naïve" is the words "na" and "ve".

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace word_count {

/// A word in small letters, and how often it occurs.
struct counted_word {
    std::string word;
    std::uint64_t times = 0;

    bool operator==(const counted_word&) const = default;
};

constexpr bool is_letter(char byte) noexcept {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/// The words of a text, each once, in no order.
std::vector<counted_word> words_of(std::string_view text);

/// All words so far.
class word_table {
public:
    void add(const counted_word& more) {
        times_[more.word] += more.times;
        total_ += more.times;
    }
    void add(const std::vector<counted_word>& more) {
        for (const counted_word& each : more) add(each);
    }

    /// How many different ones, and how many in all.
    std::size_t size() const noexcept { return times_.size(); }
    std::uint64_t total() const noexcept { return total_; }
    /// 0 for a word that is not there.
    std::uint64_t times(const std::string& word) const;

    /// The most frequent first; those of one number as `sort -rn` has them, the last letters first.
    std::vector<counted_word> sorted() const;

private:
    std::unordered_map<std::string, std::uint64_t> times_;
    std::uint64_t total_ = 0;
};

}  // namespace word_count

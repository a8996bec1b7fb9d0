// SPDX-License-Identifier: BSL-1.0
//
// The parts of the demo that decide whether a count is right: what a word is, and that each batch
// counts once.

#include "../../examples/word_count/ledger.hpp"
#include "../../examples/word_count/words.hpp"

#include "../support/co_test.hpp"
#include "../support/settle.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using word_count::batch;
using word_count::counted_word;
using word_count::ledger;

namespace {

task<> add_all(ledger& book, std::vector<std::string> texts) {
    std::vector<std::string> own = std::move(texts);
    for (std::string& text : own) static_cast<void>(co_await book.add(std::move(text)));
}
template <class... Text>
task<> add(ledger& book, const Text&... texts) {
    return add_all(book, std::vector<std::string>{texts...});
}

std::uint64_t number_of(const std::optional<batch>& taken) {
    return taken ? taken->number : UINT64_MAX;
}

}  // namespace

TEST_CASE("a word is a run of letters, in small ones", "[examples]") {
    word_count::word_table table;
    table.add(word_count::words_of("It's 1 naïve WORD, worD\r\nand\0it"));
    table.add(word_count::words_of(std::string("a\0a", 3)));
    table.add(word_count::words_of(" 123\n"));
    const std::vector<counted_word> expected = {{"word", 2}, {"a", 2},  {"ve", 1}, {"s", 1},
                                                {"na", 1},   {"it", 1}, {"and", 1}};
    CHECK(table.sorted() == expected);
    CHECK(table.size() == 7);
    CHECK(table.total() == 9);
    CHECK(table.times("word") == 2);
    CHECK(table.times("WORD") == 0);
}

CO_TEST_CASE("a batch is given to one worker and counts once", "[examples]") {
    ledger book;
    co_await add(book, "one", "two");
    auto one = co_await book.take("a");
    auto two = co_await book.take("b");
    auto third = scope.spawn(book.take("a"));
    co_await test::settle();
    const bool early = third.is_done();
    const auto first = book.settle(0);
    const auto again = book.settle(0);
    book.close();
    const auto other = book.settle(1);
    auto none = co_await third;
    const auto settled = co_await book.until_settled();
    CHECK(number_of(one) == 0);
    CHECK(number_of(two) == 1);
    CHECK_FALSE(early);
    CHECK(first.has_value());
    CHECK_FALSE(again.has_value());
    CHECK(other.has_value());
    CHECK_FALSE(none.has_value());
    CHECK_FALSE(settled);
    CHECK(book.answered_twice() == 1);
    CHECK(book.bytes_settled() == 6);
}

CO_TEST_CASE("what a worker died with goes to others, whoever answers first", "[examples]") {
    ledger book;
    co_await add(book, "one", "two");
    book.close();
    static_cast<void>(co_await book.take("a"));
    static_cast<void>(co_await book.take("a"));
    const auto before = book.settle(1);
    auto waiting = scope.spawn(book.take("b"));
    co_await test::settle();
    const bool early = waiting.is_done();
    const auto returned = book.give_back("a");
    const auto late = book.settle(0);  // nobody has it now, so it will be counted again
    auto again = co_await waiting;
    const auto after = book.settle(0);
    const auto settled = co_await book.until_settled();
    CHECK(before.has_value());
    CHECK_FALSE(early);
    CHECK(returned.batches == 1);
    CHECK(returned.bytes == 3);
    CHECK_FALSE(late.has_value());
    CHECK(number_of(again) == 0);
    CHECK(after.has_value());
    CHECK_FALSE(settled);
}

CO_TEST_CASE("a worker has only so many batches in its hands", "[examples]") {
    ledger book;
    co_await add(book, "0", "1", "2", "3", "4");
    for (std::size_t i = 0; i < ledger::in_hand_max; ++i) {
        static_cast<void>(co_await book.take("a"));
    }
    auto fifth = scope.spawn(book.take("a"));
    co_await test::settle();
    const bool early = fifth.is_done();
    static_cast<void>(book.settle(2));
    auto taken = co_await fifth;
    CHECK_FALSE(early);
    CHECK(number_of(taken) == 4);
}

CO_TEST_CASE("the last part of the text waits for whom it is reserved", "[examples]") {
    ledger book;
    co_await add(book, "aaaa", "bbbb");
    book.reserve(4, 8);
    auto first = co_await book.take("a");
    auto second = scope.spawn(book.take("a"));
    co_await test::settle();
    const bool early = second.is_done();
    book.reserve_for("b");
    auto reserved = co_await book.take("b");
    book.give_back("b");
    co_await test::settle();
    const bool still_early = second.is_done();
    book.let_go();
    auto taken = co_await second;
    CHECK(number_of(first) == 0);
    CHECK_FALSE(early);
    CHECK(number_of(reserved) == 1);
    CHECK_FALSE(still_early);
    CHECK(number_of(taken) == 1);
}

CO_TEST_CASE("who reads the text waits while there is enough to be done", "[examples]") {
    ledger book;
    std::vector<std::string> texts(17, "text");
    auto adding = scope.spawn(add_all(book, std::move(texts)));
    co_await test::settle();
    const bool early = adding.is_done();
    static_cast<void>(co_await book.take("a"));
    co_await adding;
    CHECK_FALSE(early);
    CHECK(book.batches() == 17);
}

// SPDX-License-Identifier: BSL-1.0
#include <conduit/rpc/detail/registry_store.hpp>

#include "../../skip.hpp"
#include "../../support/child.hpp"
#include "../../support/co_test.hpp"
#include "../../support/queries.hpp"
#include "../../support/temp_dir.hpp"
#include "../../support/tiny_tmpfs.hpp"

#include <conduit/rpc/try_call.hpp>
#include <conduit/runtime/run.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

using namespace conduit;
using namespace conduit::rpc;
using namespace conduit::rpc::detail;

namespace {

registry_snapshot some() {
    registry_snapshot made;
    made.epoch = 7;
    made.revision = 12;
    for (std::uint64_t number = 1; number <= 3; ++number) {
        instance one;
        one.id = {7, number};
        one.owner = {1000, 4711, {1, 2, 3}, 99};
        one.offer = {"demo.echo", "unix:/run/x" + std::to_string(number), {1, 2}, 50, {"a", "b"}};
        one.revision = number;
        made.instances.push_back(one);
    }
    return made;
}

bool are_equal(const registry_snapshot& a, const registry_snapshot& b) {
    return a.epoch == b.epoch && a.revision == b.revision && a.instances == b.instances;
}

void write_file(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

/// Whether a full disk keeps the old snapshot, and goes on when there is room again.
task<int> save_on_full_disk(std::string folder) {
    registry_store store(folder + "/state");
    auto found = co_await store.open();
    auto small = co_await store.save(some());
    registry_snapshot large = some();
    const std::vector<std::string> tags(1000, "a tag");
    for (instance& one : large.instances) one.offer.tags = tags;
    auto refused = co_await store.save(large);
    const bool left_nothing = ::access((folder + "/state/instances.new").c_str(), F_OK) != 0;
    auto again = co_await store.save(some());
    const bool says_why =
        !refused && refused.error().text().find("No space left") != std::string_view::npos;
    co_return found.problem.empty() && small&& says_why&& left_nothing&& again ? 0 : 1;
}

task<int> save_once(std::string folder) {
    registry_store store(std::move(folder));
    static_cast<void>(co_await store.open());
    auto saved = co_await store.save(some());
    co_return saved ? 0 : 1;
}

/// Whether what was kept is read although nothing more can be.
task<int> open_read_only(std::string folder) {
    registry_store store(std::move(folder));
    auto found = co_await store.open();
    const bool says_why = found.problem.find("Read-only file system") != std::string::npos;
    co_return says_why && !store.keeps() && are_equal(found.snapshot, some()) ? 0 : 1;
}

const test::helper fills_disk("keeps a table on a full disk", [](const test::helper_arguments&) {
    return test::on_tiny_tmpfs(
        "size=16k", [](test::tiny_tmpfs& place) { return run(save_on_full_disk(place.path())); });
});

const test::helper reads_only("keeps a table on a read-only disk",
                              [](const test::helper_arguments&) {
                                  return test::on_tiny_tmpfs(
                                      "size=64k", [](test::tiny_tmpfs& place) {
                                          const int saved = run(save_once(place.path() + "/state"));
                                          if (saved != 0) return saved;
                                          place.make_read_only();
                                          return run(open_read_only(place.path() + "/state"));
                                      });
                              });

}  // namespace

TEST_CASE("M10: a full disk leaves the last snapshot where it was",
          "[rpc][matchmaker][fault][M10]") {
    test::pass_helper("keeps a table on a full disk");
}

TEST_CASE("M10: what is kept on a read-only disk is read", "[rpc][matchmaker][fault][M10]") {
    test::pass_helper("keeps a table on a read-only disk");
}

TEST_CASE("a snapshot's bytes give the same snapshot", "[rpc][matchmaker]") {
    const auto bytes = encode_snapshot(some());
    registry_snapshot back;
    std::string why;
    REQUIRE(decode_snapshot(bytes, back, why));
    REQUIRE(are_equal(back, some()));
}

TEST_CASE("a snapshot that is cut off or changed anywhere is none", "[rpc][matchmaker]") {
    const auto bytes = encode_snapshot(some());
    std::size_t taken = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        registry_snapshot back;
        std::string why;
        if (decode_snapshot(std::span(bytes).first(i), back, why)) ++taken;
        auto changed = bytes;
        changed[i] ^= std::byte{0x10};
        registry_snapshot other;
        if (decode_snapshot(changed, other, why)) ++taken;
    }
    REQUIRE(taken == 0);
}

CO_TEST_CASE("a store keeps the last snapshot, and its epochs grow", "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("files are not simulated");
    const test::temp_dir folder;
    const std::string path = folder.path("state");
    std::uint64_t first_epoch = 0;
    {
        registry_store store(path);
        auto found = co_await store.open();
        first_epoch = found.next_epoch;
        registry_snapshot own = some();
        own.epoch = first_epoch;
        auto saved = co_await store.save(std::move(own));
        REQUIRE(found.problem.empty());
        REQUIRE_FALSE(found.had_predecessor);
        REQUIRE(saved);
    }
    registry_snapshot far = some();
    far.epoch = std::uint64_t{1} << 60;
    {
        registry_store store(path);
        auto found = co_await store.open();
        auto saved = co_await store.save(far);
        REQUIRE(found.had_predecessor);
        REQUIRE(found.snapshot.epoch == first_epoch);
        REQUIRE(found.snapshot.instances == some().instances);
        REQUIRE(found.next_epoch > first_epoch);
        REQUIRE(saved);
    }
    registry_store store(path);
    auto found = co_await store.open();
    struct stat about{};
    REQUIRE(::stat(path.c_str(), &about) == 0);
    REQUIRE(found.next_epoch == far.epoch + 1);
    REQUIRE((about.st_mode & 0777) == 0700);
}

CO_TEST_CASE("M10: a broken state is not taken up, and replaced", "[rpc][matchmaker][fault][M10]") {
    if (!test::is_real()) co_return test::skip("files are not simulated");
    const test::temp_dir folder;
    const std::string path = folder.path("state");
    ::mkdir(path.c_str(), 0700);
    write_file(path + "/instances", "no snapshot, but something of a good length all the same");
    registry_store store(path);
    auto found = co_await store.open();
    auto saved = co_await store.save(some());
    REQUIRE(found.had_predecessor);
    REQUIRE(found.snapshot.instances.empty());
    REQUIRE(found.problem.find("is not taken up: it is none of conduit's") != std::string::npos);
    REQUIRE(store.keeps());
    REQUIRE(saved);
}

CO_TEST_CASE("M10: a state folder that others made or may change is not used",
             "[rpc][matchmaker][fault][M10]") {
    if (!test::is_real()) co_return test::skip("files are not simulated");
    const test::temp_dir folder;
    const std::string real = folder.path("real");
    const std::string link = folder.path("link");
    const std::string open = folder.path("open");
    const std::string file = folder.path("file");
    ::mkdir(real.c_str(), 0700);
    ::mkdir(open.c_str(), 0700);
    ::chmod(open.c_str(), 0755);
    write_file(file, "");
    REQUIRE(::symlink(real.c_str(), link.c_str()) == 0);
    registry_store by_link(link);
    registry_store in_open(open);
    registry_store in_file(file);
    registry_store nowhere(folder.path("none/state"));
    auto linked = co_await by_link.open();
    auto opened = co_await in_open.open();
    auto filed = co_await in_file.open();
    auto unmade = co_await nowhere.open();
    auto saved = co_await by_link.save(some());
    REQUIRE(linked.problem.find("symbolic link") != std::string::npos);
    REQUIRE(opened.problem.find("is open to others (mode 0755") != std::string::npos);
    REQUIRE(filed.problem.find("is no folder") != std::string::npos);
    REQUIRE(unmade.problem.find("No such file or directory") != std::string::npos);
    REQUIRE_FALSE(by_link.keeps());
    REQUIRE(saved);  // there is nothing that it should do
    REQUIRE(::access((real + "/instances").c_str(), F_OK) != 0);
    if (::geteuid() != 0) co_return test::skip("only root can give folders away");
    const bool given = ::chown(real.c_str(), 1001, 0) == 0;
    registry_store in_foreign(real);
    auto foreign = co_await in_foreign.open();
    REQUIRE(given);
    REQUIRE(foreign.problem.find("belongs to user 1001") != std::string::npos);
}

CO_TEST_CASE("one matchmaker at a time uses a state folder", "[rpc][matchmaker]") {
    if (!test::is_real()) co_return test::skip("files are not simulated");
    const test::temp_dir folder;
    registry_store one(folder.path("state"));
    registry_store other(folder.path("state"));
    static_cast<void>(co_await one.open());
    auto refused = co_await rpc::try_call(other.open());
    REQUIRE(refused.error().code() == status::unavailable);
}

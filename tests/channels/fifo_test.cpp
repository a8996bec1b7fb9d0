// SPDX-License-Identifier: BSL-1.0
#include <conduit/channels/fifo.hpp>

#include "../support/co_test.hpp"
#include "../support/fifo_place.hpp"
#include "../support/temp_dir.hpp"

#include <conduit/runtime/backend/kernel.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace conduit;
using conduit::test::fifo_place;
using conduit::test::temp_dir;

namespace {

/// The process's umask for as long as it lives.
class with_umask {
public:
    explicit with_umask(mode_t mask) : before_(::umask(mask)) {}
    with_umask(const with_umask&) = delete;
    ~with_umask() { ::umask(before_); }

private:
    mode_t before_;
};

}  // namespace

CO_TEST_CASE("a FIFO is made for its owner only, and taken when it is there", "[channels][fifo]") {
    const fifo_place place;
    const std::string path = place.path("fifo");
    make_fifo(path).value();
    const auto made = current_kernel().status_of(path).value();
    make_fifo(path).value();
    const auto again = current_kernel().status_of(path).value();
    remove_fifo(path).value();
    auto gone = current_kernel().status_of(path);
    REQUIRE(made.what == file_status::type::fifo);
    REQUIRE(made.mode == 0600);
    REQUIRE(made.owner == current_kernel().effective_user());
    REQUIRE(again.inode == made.inode);
    REQUIRE(gone.error() == std::errc::no_such_file_or_directory);
    co_return;
}

TEST_CASE("a FIFO has mode 0600 whatever the umask", "[channels][fifo]") {
    auto body = []() -> task<> {
        const temp_dir folder;
        for (const mode_t mask : {0000U, 0022U, 0077U, 0200U, 0777U}) {
            const std::string path = folder.path() + "/" + std::to_string(mask);
            const with_umask masked(mask);
            make_fifo(path).value();
            REQUIRE(current_kernel().status_of(path).value().mode == 0600);
        }
        co_return;
    };
    test::run_on_each_kernel(body);
}

CO_TEST_CASE("a path that no FIFO can have is refused by name", "[channels][fifo]") {
    const fifo_place place;
    std::string why;
    auto nowhere = make_fifo(place.path("missing/fifo"), &why);
    REQUIRE(nowhere.error() == std::errc::no_such_file_or_directory);
    REQUIRE(why.find("missing/fifo") != std::string::npos);
    REQUIRE(why.find("No such file") != std::string::npos);

    auto cut = make_fifo(place.path(std::string("a\0b", 3)), &why);
    REQUIRE(cut.error() == std::errc::invalid_argument);
    REQUIRE(why.find("zero byte") != std::string::npos);

    auto removed = remove_fifo(place.path("missing"), &why);
    REQUIRE(removed.error() == std::errc::no_such_file_or_directory);
    co_return;
}

TEST_CASE("what is no FIFO is neither made nor removed as one", "[channels][fifo]") {
    auto body = []() -> task<> {
        const temp_dir folder;
        const std::string path = folder.path() + "/file";
        unique_fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).reset();
        std::string why;
        auto removed = remove_fifo(path, &why);
        auto made = make_fifo(path);
        REQUIRE(removed.error() == std::errc::invalid_argument);
        REQUIRE(why.find("a regular file, not a FIFO") != std::string::npos);
        REQUIRE(made.error() == std::errc::invalid_argument);
        REQUIRE(::access(path.c_str(), F_OK) == 0);
        co_return;
    };
    test::run_on_each_kernel(body);
}

CO_TEST_CASE("a path is compared with what was opened there", "[channels][fifo]") {
    const fifo_place place;
    const std::string path = place.path("fifo");
    make_fifo(path).value();
    const auto status = current_kernel().status_of(path).value();
    const fifo_identity first{status.device, status.inode};
    const fifo_path same = compare_path(path, first).value();
    make_fifo(path + ".new").value();
    current_kernel().rename(path + ".new", path).value();
    const fifo_path replaced = compare_path(path, first).value();
    remove_fifo(path).value();
    const fifo_path missing = compare_path(path, first).value();
    REQUIRE(same == fifo_path::same);
    REQUIRE(replaced == fifo_path::replaced);
    REQUIRE(missing == fifo_path::missing);
    co_return;
}

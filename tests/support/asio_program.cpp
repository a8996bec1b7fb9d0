// SPDX-License-Identifier: BSL-1.0
#include "asio_program.hpp"

#include "co_test.hpp"

#include <conduit/runtime/frame_pool.hpp>

#include <chrono>

namespace conduit::test {

using namespace std::chrono_literals;

asio_program::asio_program()
    : descriptors_before_(open_descriptors()),
      frames_before_(frame_pool::of_thread().live()),
      context_(std::in_place, 1),
      host_(std::in_place, *context_) {}

asio_program::~asio_program() {
    host_.reset();
    context_.reset();
    CHECK(open_descriptors() == descriptors_before_);
    if (counts_frames_) CHECK(frame_pool::of_thread().live() == frames_before_);
}

void asio_program::run() {
    context_->restart();
    context_->run_for(30s);
    REQUIRE(context_->stopped());
}

void asio_program::run_what_is_ready() {
    context_->restart();
    while (context_->poll() > 0) {
    }
}

void asio_program::stop_and_run() {
    host_->request_stop();
    run();
}

}  // namespace conduit::test

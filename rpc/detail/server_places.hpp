// SPDX-License-Identifier: BSL-1.0
//
// Places for the connections of one server, or of all servers of a group, which run on several
// threads: how many there are in all, of each user, and of strangers, and how many each worker has.
//
//     auto places = std::make_shared<server_places>(options, workers);
//     no_place why;
//     auto place = server_places::take(places, user, places->least_loaded(), why);
//     if (!place) return refuse(why.text);
//     place->greeted();                                   // no stranger any more

#pragma once

#include <conduit/rpc/detail/call_statistics.hpp>
#include <conduit/rpc/server_options.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace conduit::rpc::detail {

class server_place;

/// Why there is no place.
struct no_place {
    std::string text;
    std::optional<limit> reached;
};

/// All of it may be used from any thread.
class server_places {
public:
    explicit server_places(const server_options& options, std::size_t workers = 1)
        : connections_max_(options.connections_max()),
          per_user_max_(options.connections_per_user_max()),
          strangers_max_(options.strangers_max()),
          loads_(workers) {}
    server_places(const server_places&) = delete;
    server_places& operator=(const server_places&) = delete;

    /// A place for a stranger at `worker`. Null where there is none; `why` names the limit then.
    static std::shared_ptr<server_place> take(const std::shared_ptr<server_places>& from,
                                              std::string user, std::size_t worker, no_place& why);

    bool has_room_for_stranger() const;
    /// Why one of them has to go.
    std::string strangers_text() const;
    std::size_t connections() const;
    /// The worker with the fewest connections; of several the first.
    std::size_t least_loaded() const;
    /// The worker with the most strangers.
    std::size_t strangest() const;

private:
    friend class server_place;

    struct load {
        std::size_t connections = 0;
        std::size_t strangers = 0;
    };

    no_place no_room() const;
    no_place no_room_for(const std::string& user) const;

    const std::size_t connections_max_;
    const std::size_t per_user_max_;
    const std::size_t strangers_max_;

    mutable std::mutex mutex_;
    std::vector<load> loads_;  // by worker
    std::size_t connections_ = 0;
    std::size_t strangers_ = 0;
    std::map<std::string, std::size_t, std::less<>> of_user_;
};

/// One place, given back by its destruction on whatever thread.
class server_place {
public:
    server_place(std::shared_ptr<server_places> of, std::string user, std::size_t worker) noexcept
        : of_(std::move(of)), user_(std::move(user)), worker_(worker) {}
    server_place(const server_place&) = delete;
    server_place& operator=(const server_place&) = delete;
    ~server_place();

    /// Who connected, for people; empty where nobody knows.
    const std::string& user() const noexcept { return user_; }
    bool is_stranger() const noexcept { return is_stranger_; }
    /// It is another one's: who connected has handed the socket on. False, and nothing is changed,
    /// where that one has no place left; `why` says so. A place of nobody known stays so.
    bool move_to(std::string user, no_place& why);
    /// Who has it has said who he is.
    void greeted() noexcept;

private:
    std::shared_ptr<server_places> of_;
    std::string user_;
    std::size_t worker_;
    bool is_stranger_ = true;
};

}  // namespace conduit::rpc::detail

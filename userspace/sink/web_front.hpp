// SPDX-License-Identifier: Apache-2.0
// The connections of the web server: taken in, read up to a whole request, given to a worker.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "sink/web_counts.hpp"
#include "sink/web_limits.hpp"
#include "sink/web_link.hpp"
#include "sink/web_tls.hpp"

namespace nstrail {

/// Whoever connects and sends nothing, or too slowly, costs a descriptor and no thread: one thread
/// waits for all of them, and only whole requests go to the workers. Where there are too many, the
/// one that has waited longest is closed for the new one.
class WebFront {
public:
    /// Answers one request; `last`: the connection ends after it. False = it ends anyway. Called by
    /// the workers.
    using Serve = std::function<bool(httplib::Stream& stream, bool last)>;

    /// Takes connections from a socket that listens, which must outlive it, as `tls` and the counts
    /// must.
    WebFront(int listener, const TlsInUse& tls, const WebLimits& limits, WebCounts& counts,
             Serve serve);
    WebFront(const WebFront&) = delete;
    WebFront& operator=(const WebFront&) = delete;
    /// Lets those go that wait, and after a moment also those in the middle of an answer.
    ~WebFront();

private:
    using Clock = WebLink::Clock;
    using LinkPtr = std::unique_ptr<WebLink>;

    void watch();
    void take_in();
    bool make_room();
    void wait_for(LinkPtr link);
    void look_at(int socket);
    void hand_over(LinkPtr link, WebHead head);
    void refuse(WebLink& link, TurnedAway reason, int status, const char* line);
    void expire();
    /// Those that were answered wait again. False when all is to end.
    bool take_back();
    void work();

    const int listener_;
    const TlsInUse& tls_;
    const WebLimits limits_;
    WebCounts& counts_;
    const Serve serve_;

    Fd epoll_;
    Fd wake_;
    std::unordered_map<int, LinkPtr> waiting_;  // the watcher's

    struct Job {
        LinkPtr link;
        WebHead head;
    };
    std::mutex lock_;
    std::condition_variable work_came_;
    std::condition_variable work_done_;
    std::deque<Job> jobs_;
    std::vector<LinkPtr> returned_;
    std::vector<int> busy_;  // sockets that a worker has
    bool stopping_ = false;

    std::vector<std::thread> workers_;
    std::thread watcher_;
};

}  // namespace nstrail

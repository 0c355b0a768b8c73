// SPDX-License-Identifier: Apache-2.0
#include "sink/web_front.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "sink/web_guard.hpp"
#include "sink/web_words.hpp"

namespace nstrail {

namespace {

// So that nobody new is closed for somebody newer before he could say anything.
constexpr int taken_at_once = 16;
constexpr std::chrono::milliseconds expire_within{250};
constexpr std::chrono::seconds time_to_finish{2};

std::string canned(int status, std::string_view line) {
    const std::string body = error_json(line);
    std::string text = fmt::format(
        "HTTP/1.1 {} {}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n",
        status,
        status == 400   ? "Bad Request"
        : status == 408 ? "Request Timeout"
        : status == 431 ? "Request Header Fields Too Large"
                        : "Service Unavailable",
        body.size());
    for (const auto& [name, value] : security_headers()) {
        text += fmt::format("{}: {}\r\n", name, value);
    }
    return text + "\r\n" + body;
}

}  // namespace

WebFront::WebFront(int listener, const TlsInUse& tls, const WebLimits& limits, WebCounts& counts,
                   Serve serve)
    : listener_(listener),
      tls_(tls),
      limits_(limits),
      counts_(counts),
      serve_(std::move(serve)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    counts_.connection_limit = limits_.connections;
    for (const int one : {listener_, wake_.get()}) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = one}};
        epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, one, &event);
    }
    for (std::size_t i = 0; i < limits_.workers; i++) {
        workers_.emplace_back([this] { work(); });
    }
    watcher_ = std::thread([this] { watch(); });
}

WebFront::~WebFront() {
    {
        std::unique_lock hold(lock_);
        stopping_ = true;
        jobs_.clear();
        work_came_.notify_all();
        eventfd_write(wake_.get(), 1);
        if (!work_done_.wait_for(hold, time_to_finish, [&] { return busy_.empty(); })) {
            for (const int socket : busy_) {
                shutdown(socket, SHUT_RDWR);
            }
        }
    }
    watcher_.join();
    for (std::thread& worker : workers_) {
        worker.join();
    }
}

void WebFront::watch() {
    std::array<epoll_event, 64> events{};
    for (;;) {
        // Where nobody waits nothing expires, and an idle agent is not woken for it.
        const int patience = waiting_.empty() ? -1 : static_cast<int>(expire_within.count());
        const int came =
            epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), patience);
        if (!take_back()) {
            return;
        }
        // First who is known, then who is new: room is made at the cost of those that say nothing.
        bool new_ones = false;
        for (int i = 0; i < came; i++) {
            const int which = events[static_cast<std::size_t>(i)].data.fd;
            if (which == listener_) {
                new_ones = true;
            } else if (which != wake_.get()) {
                look_at(which);
            }
        }
        expire();
        if (new_ones) {
            take_in();
        }
    }
}

void WebFront::take_in() {
    for (int i = 0; i < taken_at_once; i++) {
        if (counts_.connections >= limits_.connections && !make_room()) {
            // All are being answered: the kernel lets the new ones wait.
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            return;
        }
        Fd socket(accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!socket) {
            if ((errno == EMFILE || errno == ENFILE) && !make_room()) {
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
            return;
        }
        counts_.connections++;
        auto link = std::make_unique<WebLink>(std::move(socket), tls_.now().get());
        link->until = Clock::now() + limits_.request_time;
        epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = link->socket()}};
        epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, link->socket(), &event);
        wait_for(std::move(link));
    }
}

bool WebFront::make_room() {
    const auto oldest =
        std::ranges::min_element(waiting_, {}, [](const auto& one) { return one.second->since; });
    if (oldest == waiting_.end()) {
        return false;
    }
    counts_.turn_away(TurnedAway::connections);
    counts_.connections--;
    waiting_.erase(oldest);
    return true;
}

void WebFront::wait_for(LinkPtr link) {
    link->since = Clock::now();
    const int socket = link->socket();
    waiting_[socket] = std::move(link);
    look_at(socket);  // what TLS has already read does not show in the socket
}

void WebFront::look_at(int socket) {
    const auto at = waiting_.find(socket);
    if (at == waiting_.end()) {
        return;
    }
    WebLink& link = *at->second;
    using State = WebLink::State;
    const bool quiet = link.received.empty();
    State state = link.shake_hands();
    const bool shaken = state == State::ok;
    if (shaken) {
        state = link.receive(limits_.head_bytes);
    }
    if (quiet && !link.received.empty() && link.served != 0) {
        link.until = Clock::now() + limits_.request_time;
    }
    WebHead head = take_head(link.received);
    const auto drop = [&] {
        counts_.connections--;
        waiting_.erase(at);
    };
    if (!shaken && (state == State::refused || state == State::ended)) {
        counts_.turn_away(TurnedAway::tls);
        if (link.spoken_to_plainly()) {
            link.send_plainly(canned(400, "this port speaks TLS: use https://"));
            link.end();
        }
        return drop();
    }
    if (head.refused || (head.text.empty() && link.received.size() >= limits_.head_bytes)) {
        refuse(link, TurnedAway::head, 431, "the head of the request is too large");
        return drop();
    }
    if (!head.text.empty()) {
        LinkPtr taken = std::move(at->second);
        waiting_.erase(at);
        return hand_over(std::move(taken), std::move(head));
    }
    if (state == State::ended || state == State::refused) {
        return drop();
    }
    epoll_event event{.events = (state == State::wants_write ? EPOLLOUT : EPOLLIN) | EPOLLRDHUP,
                      .data = {.fd = socket}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket, &event);
}

void WebFront::hand_over(LinkPtr link, WebHead head) {
    epoll_event event{.events = 0, .data = {.fd = link->socket()}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, link->socket(), &event);
    const std::scoped_lock hold(lock_);
    jobs_.push_back({.link = std::move(link), .head = std::move(head)});
    work_came_.notify_one();
}

void WebFront::refuse(WebLink& link, TurnedAway reason, int status, const char* line) {
    counts_.turn_away(reason);
    counts_.answer(status);
    const std::string text = canned(status, line);
    // Small enough for a socket's buffer: it takes it, or it is not worth to wait for.
    if (!tls_.now()) {
        link.send_plainly(text);
    } else if (link.can_send_now()) {
        (void)link.send_all(text);
    }
    link.end();
}

void WebFront::expire() {
    const auto now = Clock::now();
    for (auto at = waiting_.begin(); at != waiting_.end();) {
        WebLink& link = *at->second;
        if (link.until > now) {
            ++at;
            continue;
        }
        if (!link.received.empty()) {
            refuse(link, TurnedAway::timeout, 408, "the request did not come in time");
        } else if (link.served == 0) {
            counts_.turn_away(TurnedAway::timeout);
        }
        counts_.connections--;
        at = waiting_.erase(at);
    }
}

bool WebFront::take_back() {
    // Before the look at what it tells of: what is told after that look wakes again.
    eventfd_t count = 0;
    (void)eventfd_read(wake_.get(), &count);
    std::vector<LinkPtr> back;
    {
        const std::scoped_lock hold(lock_);
        if (stopping_) {
            return false;
        }
        back.swap(returned_);
    }
    for (LinkPtr& link : back) {
        link->until =
            Clock::now() + (link->received.empty() ? limits_.idle_time : limits_.request_time);
        epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.fd = link->socket()}};
        epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, link->socket(), &event);
        wait_for(std::move(link));
    }
    return true;
}

void WebFront::work() {
    std::unique_lock hold(lock_);
    for (;;) {
        work_came_.wait(hold, [&] { return stopping_ || !jobs_.empty(); });
        if (stopping_) {
            return;
        }
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        const int socket = job.link->socket();
        busy_.push_back(socket);
        hold.unlock();
        WebLink& link = *job.link;
        link.served++;
        const bool last = job.head.has_body || link.served >= limits_.requests_each;
        WebStream stream(link, std::move(job.head.text));
        const bool keep = serve_(stream, last) && !last && !stream.failed();
        if (!keep) {
            link.end();
        }
        hold.lock();
        std::erase(busy_, socket);
        if (keep && !stopping_) {
            returned_.push_back(std::move(job.link));
            eventfd_write(wake_.get(), 1);
        } else {
            counts_.connections--;
            job.link.reset();
        }
        work_done_.notify_all();
    }
}

}  // namespace nstrail

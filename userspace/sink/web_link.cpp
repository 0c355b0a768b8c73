// SPDX-License-Identifier: Apache-2.0
#include "sink/web_link.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "sink/web_words.hpp"

namespace nstrail {

namespace {

constexpr int most_head_lines = 100;
// An answer is taken at this rate at least, or the connection ends.
constexpr std::chrono::seconds answer_time{10};
constexpr std::size_t answer_bytes_per_second = 256U << 10;

/// Whether any of `events` comes within that time.
bool comes(int socket, int events, std::chrono::milliseconds patience) {
    pollfd one{.fd = socket, .events = static_cast<short>(events), .revents = 0};
    return poll(&one, 1, static_cast<int>(patience.count())) > 0 &&
           (one.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

}  // namespace

WebLink::WebLink(Fd socket, SSL_CTX* tls)
    : socket_(std::move(socket)), ssl_(tls == nullptr ? nullptr : SSL_new(tls), SSL_free) {
    if (ssl_) {
        SSL_set_fd(ssl_.get(), socket_.get());
        SSL_set_accept_state(ssl_.get());
    }
    shaken_ = tls == nullptr;
}

WebLink::State WebLink::state_of(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_NONE:
            return State::ok;
        case SSL_ERROR_WANT_READ:
            return State::wants_read;
        case SSL_ERROR_WANT_WRITE:
            return State::wants_write;
        case SSL_ERROR_SSL:
            plain_ = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST;
            return State::refused;
        default:
            return State::ended;
    }
}

WebLink::State WebLink::shake_hands() {
    if (shaken_) {
        return State::ok;
    }
    if (!ssl_) {
        return State::ended;  // no memory for it
    }
    ERR_clear_error();
    const State state = state_of(SSL_accept(ssl_.get()));
    shaken_ = state == State::ok;
    return state;
}

WebLink::State WebLink::receive(std::size_t most) {
    std::array<char, 4096> room{};
    while (received.size() < most) {
        ssize_t got = 0;
        if (ssl_) {
            ERR_clear_error();
            got = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
            if (got <= 0) {
                return state_of(static_cast<int>(got));
            }
        } else {
            got = recv(socket_.get(), room.data(), room.size(), 0);
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got <= 0) {
                return got < 0 && errno == EAGAIN ? State::wants_read : State::ended;
            }
        }
        received.append(room.data(), static_cast<std::size_t>(got));
    }
    return State::ok;
}

bool WebLink::send_all(std::string_view data) {
    const auto deadline =
        Clock::now() + answer_time + std::chrono::seconds(data.size() / answer_bytes_per_second);
    while (!data.empty()) {
        State state = State::wants_write;
        ssize_t sent = 0;
        if (ssl_) {
            ERR_clear_error();
            sent = SSL_write(ssl_.get(), data.data(),
                             static_cast<int>(std::min<std::size_t>(data.size(), 1U << 20)));
            state = sent > 0 ? State::ok : state_of(static_cast<int>(sent));
        } else {
            sent = send(socket_.get(), data.data(), data.size(), MSG_NOSIGNAL);
            const int code = sent < 0 ? errno : 0;
            state = sent > 0                          ? State::ok
                    : code == EAGAIN || code == EINTR ? State::wants_write
                                                      : State::ended;
        }
        if (state == State::ok) {
            data.remove_prefix(static_cast<std::size_t>(sent));
            continue;
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
        if ((state != State::wants_write && state != State::wants_read) || left.count() <= 0 ||
            !comes(socket_.get(), state == State::wants_write ? POLLOUT : POLLIN, left)) {
            return false;
        }
    }
    return true;
}

void WebLink::send_plainly(std::string_view data) {
    (void)send(socket_.get(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool WebLink::can_send() const {
    pollfd one{.fd = socket_.get(), .events = POLLOUT | POLLRDHUP, .revents = 0};
    const auto patience = std::chrono::milliseconds(answer_time).count();
    return poll(&one, 1, static_cast<int>(patience)) > 0 && one.revents == POLLOUT;
}

bool WebLink::can_send_now() const {
    return shaken_ && comes(socket_.get(), POLLOUT, std::chrono::milliseconds(0));
}

void WebLink::end() {
    if (ssl_ && shaken_) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
    }
    shutdown(socket_.get(), SHUT_WR);
    // To close while something is unread would take the answer from the other side, too.
    std::array<char, 4096> room{};
    for (int tries = 0; tries < 64; tries++) {
        if (recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT) <= 0) {
            break;
        }
    }
}

WebHead take_head(std::string& received) {
    WebHead head;
    const auto end = received.find("\r\n\r\n");
    int lines = 0;
    for (std::size_t at = 0; at < std::min(end, received.size()); lines++) {
        const auto stop = std::min(received.find("\r\n", at), received.size());
        const std::string_view line(received.data() + at, stop - at);
        if (!begins_with(line, "Range", ':') && !begins_with(line, "If-Range", ':')) {
            head.text.append(line).append("\r\n");
        }
        head.has_body = head.has_body || begins_with(line, "Content-Length", ':') ||
                        begins_with(line, "Transfer-Encoding", ':');
        at = stop + 2;
    }
    head.refused = lines > most_head_lines;
    if (end == std::string::npos) {
        head.text.clear();
        return head;
    }
    head.text.append("\r\n");
    received.erase(0, end + 4);
    return head;
}

ssize_t WebStream::read(char* data, std::size_t size) {
    const std::size_t taken = head_.copy(data, size, read_);
    read_ += taken;
    return static_cast<ssize_t>(taken);
}

ssize_t WebStream::write(const char* data, std::size_t size) {
    failed_ = failed_ || !link_.send_all({data, size});
    return failed_ ? -1 : static_cast<ssize_t>(size);
}

void WebStream::get_remote_ip_and_port(std::string& ip, int& port) const {
    ip.clear();
    port = 0;
}

void WebStream::get_local_ip_and_port(std::string& ip, int& port) const {
    ip.clear();
    port = 0;
}

}  // namespace nstrail

// SPDX-License-Identifier: Apache-2.0
// One connection of the web server, encrypted or not, and how a request and its answer pass it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <httplib.h>

#include <openssl/ssl.h>

#include "base/fd.hpp"

namespace nstrail {

/// One thread at a time. Never blocks: the socket must not.
class WebLink {
public:
    using Clock = std::chrono::steady_clock;
    enum class State : std::uint8_t { ok, wants_read, wants_write, ended, refused };

    /// `tls`: null = not encrypted.
    WebLink(Fd socket, SSL_CTX* tls);

    [[nodiscard]] int socket() const { return socket_.get(); }
    /// The handshake goes on; ok = it is done.
    [[nodiscard]] State shake_hands();
    /// It was refused, and what came is HTTP that is not encrypted.
    [[nodiscard]] bool spoken_to_plainly() const { return plain_; }
    /// Appends what has come to `received`, at most about `most` bytes in all.
    [[nodiscard]] State receive(std::size_t most);
    /// Writes all of it, unless the other side takes too little in too long a time.
    [[nodiscard]] bool send_all(std::string_view data);
    /// One try, past any encryption.
    void send_plainly(std::string_view data);
    /// The other side is there and can take more, or will within some seconds.
    [[nodiscard]] bool can_send() const;
    /// At once.
    [[nodiscard]] bool can_send_now() const;
    /// Says that no more will come, and drops what came meanwhile.
    void end();

    std::string received;      ///< and not yet taken
    Clock::time_point until;   ///< when a whole request must have come
    Clock::time_point since;   ///< when it began to wait
    std::uint32_t served = 0;  ///< requests

private:
    [[nodiscard]] State state_of(int result);

    Fd socket_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    bool shaken_ = false;
    bool plain_ = false;
};

/// The head of a request, taken out of what was received.
struct WebHead {
    std::string text;       ///< with its empty line; empty = it is not whole yet
    bool refused = false;   ///< too many lines
    bool has_body = false;  ///< something comes behind it, which nobody will read
};
/// A request for a part of a document is made one for the whole.
[[nodiscard]] WebHead take_head(std::string& received);

/// For httplib: reads the head, and writes the answer.
class WebStream final : public httplib::Stream {
public:
    WebStream(WebLink& link, std::string head) : link_(link), head_(std::move(head)) {}

    [[nodiscard]] bool is_readable() const override { return read_ < head_.size(); }
    [[nodiscard]] bool is_writable() const override { return !failed_ && link_.can_send(); }
    ssize_t read(char* data, std::size_t size) override;
    ssize_t write(const char* data, std::size_t size) override;
    void get_remote_ip_and_port(std::string& ip, int& port) const override;
    void get_local_ip_and_port(std::string& ip, int& port) const override;
    /// None: httplib is not to look at it.
    [[nodiscard]] socket_t socket() const override { return -1; }
    [[nodiscard]] bool failed() const { return failed_; }

private:
    WebLink& link_;
    std::string head_;
    std::size_t read_ = 0;
    bool failed_ = false;
};

}  // namespace nstrail

// SPDX-License-Identifier: Apache-2.0
#include "record/stream_link.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <random>

#include <unistd.h>

#include <fmt/format.h>
#include <nats/nats.h>

namespace nstrail {

namespace {

constexpr std::int64_t connect_ms = 3000;
// nats.c 3.4.1 sends no signature where its first byte is zero (_base64Encode() took it for an
// empty text; newer ones do not): of what a server gives to be signed, one in 256. So good
// credentials are refused as bad ones are, and the next time it is something else that is to be
// signed.
constexpr int unsigned_more = 2;
// How long a stream may take that looks for a new leader.
constexpr std::int64_t answer_ms = 5000;

template <auto destroy>
struct Destroy {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};
using Options = std::unique_ptr<natsOptions, Destroy<natsOptions_Destroy>>;
using Message = std::unique_ptr<natsMsg, Destroy<natsMsg_Destroy>>;

/// What the library says of its last call, which returned `status`.
std::string said(natsStatus status, int code = 0) {
    natsStatus last = NATS_OK;
    const char* text = nats_GetLastError(&last);
    std::string why = natsStatus_GetText(status);
    if (last == status && text != nullptr && *text != '\0') {
        why = text;
        std::ranges::replace(why, '\n', ' ');
        // It begins with "(file.c:line): " of the library.
        if (const std::size_t end = why.find("): "); why.starts_with('(') && end < 40) {
            why.erase(0, end + 3);
        }
    }
    return code == 0 ? why : fmt::format("{} ({})", why, code);
}

StreamMessage taken(natsMsg* message) {
    StreamMessage made;
    made.subject = natsMsg_GetSubject(message);
    made.sequence = natsMsg_GetSequence(message);
    made.stored_ns = natsMsg_GetTime(message);
    const char** keys = nullptr;
    int count = 0;
    if (natsMsgHeader_Keys(message, &keys, &count) == NATS_OK) {
        for (int i = 0; i < count; i++) {
            const char* value = nullptr;
            if (natsMsgHeader_Get(message, keys[i], &value) == NATS_OK) {
                made.headers.emplace_back(keys[i], value);
            }
        }
        std::free(static_cast<void*>(keys));
    }
    const auto* data = reinterpret_cast<const std::byte*>(natsMsg_GetData(message));
    made.payload.assign(data, data + natsMsg_GetDataLength(message));
    return made;
}

/// The HOST of scheme://[USER:PASSWORD@]HOST:PORT.
std::string host_of(const std::string& server) {
    const std::size_t start = server.find("://") + 3;
    const std::size_t at = server.rfind('@');
    const std::size_t from = at == std::string::npos ? start : at + 1;
    return server.substr(from, server.rfind(':') - from);
}

}  // namespace

struct StreamLink::Parts {
    std::unique_ptr<natsConnection, Destroy<natsConnection_Destroy>> connection;
    std::unique_ptr<jsCtx, Destroy<jsCtx_Destroy>> context;
};

std::string StreamMessage::header(std::string_view name) const {
    const auto found =
        std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
    return found == headers.end() ? std::string() : found->second;
}

std::uint64_t StreamMessage::number(std::string_view name) const {
    const std::string text = header(name);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? value : 0;
}

StreamLink::StreamLink(StreamUrl url)
    : url_(std::move(url)), parts_(std::make_unique<StreamLink::Parts>()) {}
StreamLink::~StreamLink() = default;

Result<std::unique_ptr<StreamLink>> StreamLink::open(const StreamUrl& url) {
    const std::size_t first = std::random_device()() % url.servers.size();
    Result<std::unique_ptr<StreamLink>> link;
    for (std::size_t tried = 0; tried < url.servers.size(); tried++) {
        link = open(url, (first + tried) % url.servers.size());
        if (link) {
            break;
        }
    }
    return link;
}

Result<std::unique_ptr<StreamLink>> StreamLink::open(const StreamUrl& url, std::size_t server) {
    for (const std::string& file : {url.credentials, url.ca, url.certificate, url.key}) {
        if (!file.empty() && access(file.c_str(), R_OK) != 0) {
            return fail("read " + file, errno, "the address of the stream names it");
        }
    }
    std::unique_ptr<StreamLink> link(new StreamLink(url));
    if (auto connected = link->connect(url.servers.at(server)); !connected) {
        return std::unexpected(std::move(connected.error()));
    }
    return link;
}

Result<void> StreamLink::connect(const std::string& server) {
    StreamUrl shown;
    shown.servers = {server};
    const auto where = [&] { return "connect to " + shown.text(); };
    natsOptions* made = nullptr;
    natsStatus status = natsOptions_Create(&made);
    const Options options(made);
    const auto set = [&](natsStatus next) { status = status == NATS_OK ? next : status; };
    set(natsOptions_SetURL(made, server.c_str()));
    set(natsOptions_SetName(made, "nstrail"));
    set(natsOptions_SetTimeout(made, connect_ms));
    set(natsOptions_SetAllowReconnect(made, false));
    const bool secure = server.starts_with("tls://") || !url_.ca.empty() || !url_.key.empty();
    if (secure && status == NATS_OK) {
        set(natsOptions_SetSecure(made, true));
        // The library holds the certificate's name against the server's only if told to.
        set(natsOptions_SetExpectedHostname(made, host_of(server).c_str()));
        if (!url_.ca.empty()) {
            set(natsOptions_LoadCATrustedCertificates(made, url_.ca.c_str()));
        }
        if (!url_.certificate.empty()) {
            set(natsOptions_LoadCertificatesChain(made, url_.certificate.c_str(),
                                                  url_.key.c_str()));
        }
    }
    if (!url_.credentials.empty()) {
        set(natsOptions_SetUserCredentialsFromFiles(made, url_.credentials.c_str(), nullptr));
    }
    if (status != NATS_OK) {
        return fail(where(), said(status));
    }
    natsConnection* connection = nullptr;
    status = natsConnection_Connect(&connection, made);
    for (int more = url_.credentials.empty() ? 0 : unsigned_more;
         more > 0 && status == NATS_CONNECTION_AUTH_FAILED; more--) {
        status = natsConnection_Connect(&connection, made);
    }
    parts_->connection.reset(connection);
    if (status == NATS_CONNECTION_AUTH_FAILED) {
        return fail(where(), "it does not accept the credentials (" + said(status) + ")",
                    "give a file with ?creds=, or a certificate with ?cert= and ?key=");
    }
    if (status != NATS_OK) {
        return fail(where(), said(status),
                    secure && status == NATS_PROTOCOL_ERROR
                        ? "does it want another certificate? give one with ?cert= and ?key="
                        : "");
    }
    jsCtx* context = nullptr;
    jsOptions settings;
    jsOptions_Init(&settings);
    settings.Wait = answer_ms;
    status = natsConnection_JetStream(&context, connection, &settings);
    parts_->context.reset(context);
    return status == NATS_OK ? Result<void>{} : fail(where(), said(status));
}

std::unexpected<Error> StreamLink::refused(std::string what, int status, int code) {
    passing_ = code == 0 || code == JSClusterNotAvailErr || code == JSClusterNotLeaderErr;
    if (code == JSStreamNotFoundErr) {
        return fail(std::move(what), "there is no stream " + url_.stream,
                    "make one as docs/FLEET.md says");
    }
    // So it looks, too, while the servers have not agreed on a leader.
    if (status == NATS_NO_RESPONDERS) {
        return fail(std::move(what),
                    url_.stream.empty() ? "no stream takes such messages now"
                                        : "nobody answers for the stream " + url_.stream + " now",
                    "where there is none make one as docs/FLEET.md says; else it waits for enough "
                    "of its servers to choose a leader");
    }
    return fail(std::move(what), said(static_cast<natsStatus>(status), code));
}

bool StreamLink::alive() const {
    return natsConnection_Status(parts_->connection.get()) == NATS_CONN_STATUS_CONNECTED;
}

std::size_t StreamLink::most_bytes() const {
    return static_cast<std::size_t>(
        std::max<std::int64_t>(0, natsConnection_GetMaxPayload(parts_->connection.get())));
}

Result<bool> StreamLink::publish(const StreamMessage& message) {
    if (message.payload.size() > most_bytes()) {
        return fail("ship to " + url_.text(),
                    fmt::format("a packet takes {} bytes, and the server no more than {}",
                                message.payload.size(), most_bytes()),
                    "raise max_payload to at least 512KB, it is 1MB by default");
    }
    natsMsg* made = nullptr;
    natsStatus status = natsMsg_Create(&made, message.subject.c_str(), nullptr,
                                       reinterpret_cast<const char*>(message.payload.data()),
                                       static_cast<int>(message.payload.size()));
    const Message sent(made);
    for (const auto& [name, value] : message.headers) {
        status = status == NATS_OK ? natsMsgHeader_Set(made, name.c_str(), value.c_str()) : status;
    }
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MsgId = message.id.c_str();
    options.ExpectStream = url_.stream.empty() ? nullptr : url_.stream.c_str();
    jsPubAck* answer = nullptr;
    jsErrCode code{};
    if (status == NATS_OK) {
        status = js_PublishMsg(&answer, parts_->context.get(), made, &options, &code);
    }
    const std::unique_ptr<jsPubAck, Destroy<jsPubAck_Destroy>> acknowledged(answer);
    if (status != NATS_OK) {
        return refused("ship to " + url_.text(), status, code);
    }
    return acknowledged->Duplicate;
}

Result<std::optional<StreamMessage>> StreamLink::next(const std::string& subject,
                                                      std::uint64_t sequence) {
    jsDirectGetMsgOptions which{};
    which.Sequence = sequence;
    which.NextBySubject = subject.c_str();
    natsMsg* made = nullptr;
    const natsStatus status =
        js_DirectGetMsg(&made, parts_->context.get(), url_.stream.c_str(), nullptr, &which);
    const Message got(made);
    if (status == NATS_NOT_FOUND) {
        return std::nullopt;
    }
    if (status == NATS_NO_RESPONDERS) {
        return fail("read " + url_.text(), "no stream of that name answers direct reads",
                    "it needs allow_direct, as in docs/FLEET.md");
    }
    if (status != NATS_OK) {
        return refused("read " + url_.text(), status);
    }
    return taken(made);
}

Result<std::optional<StreamMessage>> StreamLink::last(const std::string& subject) {
    natsMsg* made = nullptr;
    jsErrCode code{};
    const natsStatus status = js_GetLastMsg(&made, parts_->context.get(), url_.stream.c_str(),
                                            subject.c_str(), nullptr, &code);
    const Message got(made);
    if (status == NATS_NOT_FOUND && code != JSStreamNotFoundErr) {
        return std::nullopt;
    }
    if (status != NATS_OK) {
        return refused("read " + url_.text(), status, code);
    }
    return taken(made);
}

Result<std::vector<std::string>> StreamLink::subjects(const std::string& filter) {
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = answer_ms;
    options.Stream.Info.SubjectsFilter = filter.c_str();
    jsStreamInfo* made = nullptr;
    jsErrCode code{};
    const natsStatus status =
        js_GetStreamInfo(&made, parts_->context.get(), url_.stream.c_str(), &options, &code);
    const std::unique_ptr<jsStreamInfo, Destroy<jsStreamInfo_Destroy>> info(made);
    if (status != NATS_OK) {
        return refused("read " + url_.text(), status, code);
    }
    std::vector<std::string> names;
    if (const jsStreamStateSubjects* all = info->State.Subjects; all != nullptr) {
        for (int i = 0; i < all->Count; i++) {
            names.emplace_back(all->List[i].Subject);
        }
    }
    std::ranges::sort(names);
    return names;
}

}  // namespace nstrail

// SPDX-License-Identifier: Apache-2.0
#include "record/spool.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "event/event.hpp"

namespace nstrail {

namespace {

constexpr std::string_view shared_memory = "/dev/shm/";
constexpr std::string_view prefix = "nstrail-";
constexpr std::size_t digits = 16;
constexpr std::size_t spool_bytes = Spool::slots * packet_room;

struct flock whole_file() {
    struct flock all{};
    all.l_type = F_WRLCK;
    all.l_whence = SEEK_SET;
    return all;
}

/// The path that `open` holds; empty if that is not one of a spool: a recording may come from
/// anybody, and must not choose what is opened.
std::string path_in(const std::string& open_path) {
    const Fd file(open(open_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    std::array<char, 256> text{};
    const ssize_t got = file ? read(file.get(), text.data(), text.size()) : -1;
    if (got <= 0) {
        return {};
    }
    std::string_view path(text.data(), static_cast<std::size_t>(got));
    if (!path.ends_with('\n')) {
        return {};
    }
    path.remove_suffix(1);
    const std::string start = std::string(shared_memory) + std::string(prefix);
    const bool good = path.starts_with(start) && path.size() == start.size() + digits &&
                      std::ranges::all_of(path.substr(start.size()), [](char c) {
                          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                      });
    return good ? std::string(path) : std::string();
}

/// The events that were appended whole, with timestamps and their number told by the records
/// themselves: the header was being changed when its writer died.
bool repair(SpooledPacket& packet) {
    PacketHeader& header = packet.header;
    const auto bytes = std::as_bytes(std::span(packet.words));
    std::size_t at = sizeof(PacketHeader);
    header.events = 0;
    while (at + record_prefix < bytes.size()) {
        const auto event = Event::decode(bytes.subspan(at + record_prefix));
        if (!event) {
            break;
        }
        std::uint64_t timestamp = 0;
        std::memcpy(&timestamp, bytes.data() + at, sizeof(timestamp));
        header.timestamp_begin = header.events++ == 0 ? timestamp : header.timestamp_begin;
        header.timestamp_end = timestamp;
        at += record_prefix + event->bytes().size();
    }
    header.content_size = at * 8;
    return header.events != 0;
}

std::optional<SpooledPacket> read_slot(int file, std::size_t index, const Uuid& uuid) {
    const auto offset = static_cast<off_t>(index * packet_room);
    PacketHeader header;
    if (pread(file, &header, sizeof(header), offset) != sizeof(header)) {
        return std::nullopt;
    }
    const std::uint64_t content = header.content_size / 8;
    // Keyframes are written at once, and never wait here.
    if (header.magic != ctf_magic || header.uuid != uuid || header.content_size % 64 != 0 ||
        header.kind != PacketKind::events || content <= sizeof(PacketHeader) ||
        content > packet_room) {
        return std::nullopt;
    }
    SpooledPacket packet{.header = header, .words = {}};
    packet.words.resize(content / 8);
    const auto size = static_cast<ssize_t>(content);
    PacketHeader after;
    // A recorder at work may have begun another packet in the slot meanwhile.
    if (pread(file, packet.words.data(), content, offset) != size ||
        pread(file, &after, sizeof(after), offset) != sizeof(after) ||
        after.first_event != header.first_event || after.session != header.session ||
        !repair(packet)) {
        return std::nullopt;
    }
    packet.words.resize(packet.header.content_size / 64);
    std::memcpy(packet.words.data(), &packet.header, sizeof(packet.header));
    return packet;
}

}  // namespace

Result<Fd> lock_open(const std::string& open_path) {
    Fd lock(open(open_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!lock) {
        return fail("make " + open_path, errno);
    }
    struct flock whole = whole_file();
    if (fcntl(lock.get(), F_OFD_SETLK, &whole) != 0) {
        return fail("record to " + open_path.substr(0, open_path.rfind('/')),
                    errno == EAGAIN || errno == EACCES ? "another recorder is at work there"
                                                       : fail("", errno).error().why,
                    "give each recorder a directory of its own");
    }
    return lock;
}

Result<std::unique_ptr<Spool>> Spool::create(Fd lock, const std::string& open_path) {
    const auto fault = [](const std::string& path, int code) {
        return fail("make " + path, code, "a recording is filled in /dev/shm, which needs 8 MiB");
    };
    if (const std::string old = path_in(open_path); !old.empty()) {
        unlink(old.c_str());
    }
    std::uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
        return fail("draw a random number", errno);
    }
    const std::string path = fmt::format("{}{}{:0{}x}", shared_memory, prefix, random, digits);
    const Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file) {
        return fault(path, errno);
    }
    // Room that is taken now cannot be lacking later, when lacking it would be a SIGBUS.
    const int full = posix_fallocate(file.get(), 0, static_cast<off_t>(spool_bytes));
    void* memory =
        full != 0 ? MAP_FAILED
                  : mmap(nullptr, spool_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (memory == MAP_FAILED) {
        const int code = full != 0 ? full : errno;
        unlink(path.c_str());
        return fault(path, code);
    }
    std::unique_ptr<Spool> spool(
        new Spool(std::move(lock), open_path, path, static_cast<std::byte*>(memory)));
    if (auto named = spool->name_it(); !named) {
        spool->remove();
        return std::unexpected(named.error());
    }
    return spool;
}

Result<void> Spool::name_it() {
    const std::string line = path_ + '\n';
    if (ftruncate(lock_.get(), 0) != 0 ||
        pwrite(lock_.get(), line.data(), line.size(), 0) != static_cast<ssize_t>(line.size())) {
        return fail("write " + open_path_, errno);
    }
    return {};
}

bool Spool::named() const {
    return access(open_path_.c_str(), F_OK) == 0;
}

void Spool::announce() {
    if (named()) {
        return;
    }
    if (auto lock = lock_open(open_path_)) {
        lock_ = std::move(*lock);
        [[maybe_unused]] const auto named = name_it();  // else only a crash would be less safe
    }
}

Spool::~Spool() {
    munmap(memory_, spool_bytes);
}

void Spool::remove() {
    unlink(path_.c_str());
    unlink(open_path_.c_str());
}

std::vector<SpooledPacket> read_spool(const std::string& open_path, const Uuid& uuid) {
    std::vector<SpooledPacket> packets;
    const std::string path = path_in(open_path);
    const Fd file(
        path.empty() ? -1 : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status{};
    if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return packets;
    }
    for (std::size_t index = 0; index < Spool::slots; index++) {
        if (auto packet = read_slot(file.get(), index, uuid)) {
            packets.push_back(std::move(*packet));
        }
    }
    std::ranges::sort(packets, {}, [](const SpooledPacket& packet) {
        return std::pair(packet.header.session, packet.header.first_event);
    });
    return packets;
}

bool recorder_at_work(const std::string& open_path) {
    const Fd file(open(open_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct flock whole = whole_file();
    return file && fcntl(file.get(), F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

}  // namespace nstrail

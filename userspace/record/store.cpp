// SPDX-License-Identifier: Apache-2.0
#include "record/store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "event/event.hpp"
#include "record/chunk.hpp"
#include "record/metadata.hpp"
#include "record/pack.hpp"
#include "record/packet.hpp"
#include "record/spool.hpp"
#include "record/unshipped.hpp"

namespace nstrail {

namespace {

constexpr int removed = -1;  // where there is an errno else

Result<void> write_file(const std::string& path, std::string_view text) {
    const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
    if (!file) {
        return fail("make " + path, errno);
    }
    errno = 0;
    if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        return fail("write " + path, errno != 0 ? errno : ENOSPC);
    }
    return {};
}

void remove_folder(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
}

/// What a look through the packets of the latest chunk shows.
struct Tail {
    std::uint64_t good = 0;  // bytes up to the end of the last whole packet
    std::uint32_t session = 0;
    std::uint64_t next_event = 0;  // of that session
    std::uint64_t packets = 0;
    std::uint64_t events_discarded = 0;
    std::uint64_t newest_ns = 0;
    bool any = false;
};

Tail look_at_tail(const ShelvedChunk& chunk, const Uuid& uuid) {
    Tail tail;
    auto reader = ChunkReader::open(chunk, uuid);
    if (!reader) {
        return tail;
    }
    while (const auto packet = reader->next([](const Damage&) {})) {
        const PacketHeader& header = packet->header;
        tail.any = true;
        tail.good = packet->end;
        tail.packets = std::max(tail.packets, header.packet_seq_num + 1);
        tail.events_discarded = std::max(tail.events_discarded, header.events_discarded);
        tail.newest_ns = std::max(tail.newest_ns, header.timestamp_end);
        tail.session = header.session;
        tail.next_event =
            header.first_event + (header.kind == PacketKind::events ? header.events : 0);
    }
    return tail;
}

/// Boottime of the first packet that can be read behind the oldest chunk of a boot; nothing if
/// there is none.
std::optional<std::uint64_t> end_of_oldest(const ShelvedBoot& boot, const Uuid& uuid) {
    for (auto chunk = std::next(boot.chunks.begin()); chunk != boot.chunks.end(); ++chunk) {
        auto reader = ChunkReader::open(*chunk, uuid);
        const auto packet =
            reader ? reader->next([](const Damage&) {}, false) : std::optional<Packet>();
        if (packet) {
            return packet->header.timestamp_begin;
        }
    }
    return std::nullopt;
}

/// Whether the oldest chunk of a boot is all acknowledged.
bool shipped(const ShelvedBoot& boot) {
    const auto mark = ShipMark::read(boot.path);
    return mark && boot.chunks.front().number < mark->chunk;
}

}  // namespace

Store::Store(StoreOptions options, const nst_session& session, const Uuid& uuid)
    : options_(std::move(options)),
      uuid_(uuid),
      wall_offset_ns_(static_cast<std::int64_t>(session.wall_offset_ns)),
      boot_path_(options_.path + '/' + std::string(boot_prefix) + uuid_text(uuid)),
      metadata_(metadata_text(session, uuid)) {}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(StoreOptions options, const nst_session& session) {
    const auto uuid = parse_uuid(text_of(session.boot_id, sizeof(session.boot_id)));
    if (!uuid) {
        return fail("record to " + options.path, "the boot id of this host is not known");
    }
    std::unique_ptr<Store> store(new Store(std::move(options), session, *uuid));
    for (const std::string& path : {store->options_.path, store->boot_path_}) {
        if (auto made = store->make_folder(path); !made) {
            return std::unexpected(made.error());
        }
    }
    auto lock = lock_open(store->open_path());
    if (!lock) {
        return std::unexpected(lock.error());
    }
    store->lock_ = std::move(*lock);
    if (auto recovered = store->recover(); !recovered) {
        return std::unexpected(recovered.error());
    }
    store->count_bytes();
    return store;
}

Result<void> Store::make_folder(const std::string& path) {
    if (mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) {
        return fail("make " + path, errno);
    }
    struct stat status{};
    if (stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) {
        return fail("write to " + path, ENOTDIR);
    }
    // As who it is now: it may have begun as another.
    if (faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        return fail("write to " + path, errno);
    }
    return {};
}

/// A writer that was killed has left its last packets in memory, and maybe half a packet at the
/// end of its file.
Result<void> Store::recover() {
    const auto boot = list_boot(boot_path_);
    if (!boot) {
        return std::unexpected(boot.error());
    }
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(boot_path_, ignored)) {
        if (entry.path().filename().string().starts_with('.')) {
            remove_folder(entry.path());  // a chunk that held nothing yet
        }
    }
    Tail tail;
    for (auto chunk = boot->chunks.rbegin(); chunk != boot->chunks.rend() && !tail.any; ++chunk) {
        tail = look_at_tail(*chunk, uuid_);
        if (chunk == boot->chunks.rbegin() && !chunk->packed && !chunk->file.empty()) {
            struct stat status{};
            const bool longer = stat(chunk->file.c_str(), &status) == 0 &&
                                static_cast<std::uint64_t>(status.st_size) > tail.good;
            if (longer) {
                recovered_.bytes_cut = static_cast<std::uint64_t>(status.st_size) - tail.good;
                if (truncate(chunk->file.c_str(), static_cast<off_t>(tail.good)) != 0) {
                    return fail("mend " + chunk->file, errno);
                }
            }
        }
    }
    packets_ = tail.packets;
    newest_ns_ = tail.newest_ns;
    recovered_.last_chunk = boot->chunks.empty() ? 0 : boot->chunks.back().number;
    recovered_.last_session = tail.session;
    recovered_.events_discarded = tail.events_discarded;
    auto next_event = tail.next_event;
    for (SpooledPacket& spooled : read_spool(open_path(), uuid_)) {
        const PacketHeader& header = spooled.header;
        const bool written = header.session < recovered_.last_session ||
                             (header.session == recovered_.last_session && tail.any &&
                              header.first_event < next_event);
        if (written) {
            continue;
        }
        if (number_ != header.chunk) {
            if (auto begun = begin_chunk(header.chunk); !begun) {
                return begun;
            }
        }
        std::vector<std::uint64_t> room(packet_room / sizeof(std::uint64_t));
        std::memcpy(room.data(), spooled.words.data(),
                    spooled.words.size() * sizeof(std::uint64_t));
        auto* packet = reinterpret_cast<std::byte*>(room.data());
        reinterpret_cast<PacketHeader*>(packet)->events_discarded =
            std::max(header.events_discarded, recovered_.events_discarded);
        if (auto appended = append(packet); !appended) {
            return appended;
        }
        recovered_.events_saved += header.events;
        recovered_.last_chunk = std::max(recovered_.last_chunk, header.chunk);
        recovered_.last_session = header.session;
        next_event = header.first_event + header.events;
    }
    end_chunk();
    full_.clear();
    return {};
}

Result<void> Store::begin_chunk(std::uint32_t number) {
    end_chunk();
    // Somebody may have removed them meanwhile.
    for (const std::string& path : {options_.path, boot_path_}) {
        if (auto made = make_folder(path); !made) {
            return made;
        }
    }
    folder_ = boot_path_ + '/' + chunk_name(number);
    // One of that number is there when a spool is written to the chunk that it belongs to.
    const bool there = access(folder_.c_str(), F_OK) == 0;
    hidden_ = there ? "" : boot_path_ + "/." + chunk_name(number);
    const std::string& at = there ? folder_ : hidden_;
    if (!there) {
        remove_folder(hidden_);
        if (auto made = make_folder(hidden_); !made) {
            return made;
        }
        if (auto made = write_file(hidden_ + '/' + std::string(metadata_name), metadata_); !made) {
            return made;
        }
    }
    const std::string path = at + '/' + std::string(events_name);
    file_ = Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
    struct stat status{};
    if (!file_ || fstat(file_.get(), &status) != 0) {
        return fail("make " + path, errno);
    }
    written_ = static_cast<std::uint64_t>(status.st_size);
    number_ = number;
    bytes_ += metadata_.size();
    return {};
}

/// The open chunk holds a packet now: lets it be seen.
Result<void> Store::shelve() {
    if (hidden_.empty()) {
        return {};
    }
    if (rename(hidden_.c_str(), folder_.c_str()) != 0) {
        return fail("make " + folder_, errno);
    }
    hidden_.clear();
    return {};
}

/// All or nothing. Returns 0 or an errno.
int Store::write_whole(std::span<const std::byte> bytes) {
    struct stat status{};
    if (fstat(file_.get(), &status) != 0) {
        return errno;
    }
    if (status.st_nlink == 0) {
        return removed;
    }
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t put = write(file_.get(), bytes.data() + done, bytes.size() - done);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            const int code = put < 0 ? errno : ENOSPC;
            // If even this fails, the next writer mends it.
            [[maybe_unused]] const int cut = ftruncate(file_.get(), static_cast<off_t>(written_));
            return code;
        }
        done += static_cast<std::size_t>(put);
    }
    written_ += bytes.size();
    bytes_ += bytes.size();
    return 0;
}

Result<void> Store::append(std::byte* packet) {
    const auto bytes = finish_packet(packet, packets_);
    int code = write_whole(bytes);
    while (code == ENOSPC && !options_.stop_when_full && drop_oldest()) {
        code = write_whole(bytes);
    }
    if (code == removed) {
        return fail("write " + folder_, "it was removed");
    }
    if (code != 0) {
        return fail("write " + folder_, code);
    }
    packets_++;
    newest_ns_ = std::max(newest_ns_, reinterpret_cast<const PacketHeader*>(packet)->timestamp_end);
    if (options_.sync && fdatasync(file_.get()) != 0) {
        return fail("write " + folder_ + " to the disk", errno);
    }
    return shelve();
}

void Store::end_chunk() {
    if (number_ == 0) {
        return;
    }
    file_.reset();
    number_ = 0;
    if (!hidden_.empty()) {
        remove_folder(hidden_);
    } else if (options_.compress) {
        full_.push_back(folder_);
    }
}

std::vector<ShelvedBoot> Store::shelved() const {
    return list_boots(options_.path).value_or(std::vector<ShelvedBoot>{});
}

void Store::count_bytes() {
    bytes_ = 0;
    for (const ShelvedBoot& boot : shelved()) {
        for (const ShelvedChunk& chunk : boot.chunks) {
            bytes_ += chunk.bytes;
        }
    }
}

/// The oldest chunk goes, of whatever boot, but never the one that is being filled.
bool Store::drop_oldest() {
    for (const ShelvedBoot& boot : shelved()) {
        for (const ShelvedChunk& chunk : boot.chunks) {
            if (number_ != 0 && chunk.path == folder_) {
                continue;
            }
            std::erase(full_, chunk.path);
            remove_folder(chunk.path);
            if (access(chunk.path.c_str(), F_OK) == 0) {
                continue;  // not ours to remove
            }
            bytes_ -= std::min(bytes_, chunk.bytes);
            dropped_++;
            if (boot.chunks.size() == 1 && boot.path != boot_path_) {
                remove_folder(boot.path);
            }
            return true;
        }
    }
    return false;
}

/// Up to which boottime the oldest chunk of all is young enough; nothing = it is being written.
std::optional<std::int64_t> Store::keep_until(const ShelvedBoot& oldest) const {
    if (oldest.path == boot_path_) {
        const auto end = end_of_oldest(oldest, uuid_);
        return end ? std::optional(static_cast<std::int64_t>(*end) + options_.max_age.count())
                   : std::nullopt;
    }
    // Of another boot only the calendar tells, which here is what it was as the session began.
    return oldest.chunks.front().modified_ns - wall_offset_ns_ + options_.max_age.count();
}

void Store::retain() {
    while (bytes_ > options_.max_bytes && drop_oldest()) {
    }
    if (options_.max_age.count() == 0) {
        return;
    }
    while (static_cast<std::int64_t>(newest_ns_) > keep_until_) {
        const auto boots = shelved();
        const auto first = std::ranges::find_if(
            boots, [](const ShelvedBoot& boot) { return !boot.chunks.empty(); });
        if (first == boots.end() || (options_.keep_unshipped && !shipped(*first))) {
            return;
        }
        const auto until = keep_until(*first);
        if (!until) {
            return;
        }
        keep_until_ = *until;
        if (static_cast<std::int64_t>(newest_ns_) > keep_until_ && !drop_oldest()) {
            return;
        }
    }
}

bool Store::compress_step() {
    if (!packing_) {
        if (full_.empty()) {
            return false;
        }
        auto begun = PackedChunk::begin(full_.front(), uuid_);
        full_.erase(full_.begin());
        if (begun) {
            packing_ = std::move(*begun);
        }
        return true;
    }
    const auto stepped = packing_->step();
    if (!stepped || !*stepped) {
        packing_.reset();
        count_bytes();
    }
    return true;
}

}  // namespace nstrail

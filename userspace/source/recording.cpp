// SPDX-License-Identifier: Apache-2.0
#include "source/recording.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include <sys/stat.h>

#include <fmt/format.h>

#include "record/stream_boot.hpp"

namespace nstrail {

namespace {

/// A record as this version would have written it: fields that were added since are 0, and those
/// that a newer version added are left out.
std::optional<EventBuffer> translate(std::span<const std::byte> record, const KindLayout& theirs,
                                     const KindLayout& ours, std::size_t size) {
    const std::size_t tail = size - theirs.fixed;
    if (theirs.element != ours.element || theirs.count_at != ours.count_at) {
        return std::nullopt;
    }
    EventBuffer buffer(ours.fixed + tail);
    const auto bytes = buffer.bytes();
    std::memcpy(bytes.data(), record.data(), std::min(theirs.fixed, ours.fixed));
    std::memcpy(bytes.data() + ours.fixed, record.data() + theirs.fixed, tail);
    return buffer;
}

/// Bytes of a record by its chunk's own layout; 0 = it does not fit.
std::size_t size_of(std::span<const std::byte> record, const KindLayout& layout) {
    if (layout.fixed == 0 || record.size() < layout.fixed) {
        return 0;
    }
    std::size_t size = layout.fixed;
    if (layout.element != 0) {
        std::uint32_t count = 0;
        std::memcpy(&count, record.data() + layout.count_at, sizeof(count));
        if (count > (record.size() - size) / layout.element) {
            return 0;
        }
        size += std::size_t{count} * layout.element;
    }
    return size;
}

}  // namespace

bool RecordingSource::looks_like(const std::string& path) {
    struct stat status{};
    return StreamUrl::looks_like(path) ||
           (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode));
}

Result<std::unique_ptr<RecordingSource>> RecordingSource::open(const std::string& path) {
    if (StreamUrl::looks_like(path)) {
        const auto url = StreamUrl::parse(path);
        if (!url) {
            return std::unexpected(url.error());
        }
        auto boot = StreamBoot::open(*url);
        if (!boot) {
            return std::unexpected(boot.error());
        }
        ShelvedBoot shelved = (*boot)->shelved();
        return open(std::move(shelved), std::move(*boot));
    }
    auto boots = list_boots(path);
    if (!boots) {
        return std::unexpected(boots.error());
    }
    std::erase_if(*boots, [](const ShelvedBoot& boot) {
        return boot.chunks.empty() && !recorder_at_work(boot.open_path()) &&
               read_text(boot.open_path(), 256).value_or("").empty();
    });
    if (boots->empty()) {
        return fail("open " + path, "nothing was recorded yet");
    }
    if (boots->size() > 1) {
        std::string names;
        for (const ShelvedBoot& boot : *boots) {
            names += (names.empty() ? "" : ", ") + boot.path.substr(boot.path.rfind('/') + 1);
        }
        return fail("open " + path, fmt::format("it holds {} boots: {}", boots->size(), names),
                    "give the folder of one of them");
    }
    return open(std::move(boots->front()), std::make_unique<DiskBoot>());
}

Result<std::unique_ptr<RecordingSource>> RecordingSource::open(ShelvedBoot boot,
                                                               std::unique_ptr<BootReader> from) {
    std::unique_ptr<RecordingSource> source(new RecordingSource(std::move(boot), std::move(from)));
    if (auto looked = source->look(); !looked) {
        return std::unexpected(looked.error());
    }
    return source;
}

/// By the folder's name, or else by any of its chunks.
std::optional<Uuid> RecordingSource::uuid_of_boot() const {
    const auto name = std::string_view(boot_.path).substr(boot_.path.rfind('/') + 1);
    if (name.starts_with(boot_prefix)) {
        if (const auto uuid = parse_uuid(name.substr(boot_prefix.size()))) {
            return uuid;
        }
    }
    for (const ShelvedChunk& chunk : boot_.chunks) {
        const auto text = from_->metadata(chunk);
        const auto metadata = text ? parse_metadata(*text) : std::unexpected(text.error());
        if (metadata) {
            return metadata->uuid;
        }
    }
    return std::nullopt;
}

Result<void> RecordingSource::look() {
    // First what is being filled, then the chunks: what a recorder at work writes in between is
    // met in both, and told once; the other way round it would be met in neither.
    if (const auto uuid = uuid_of_boot()) {
        spooled_ = read_spool(boot_.open_path(), *uuid);
    }
    if (auto again = list_boot(boot_.path)) {
        boot_ = std::move(*again);
    }
    std::optional<Error> fault;
    // As a rule all chunks have the same.
    std::string text;
    Result<std::shared_ptr<const Metadata>> metadata;
    for (ShelvedChunk& chunk : boot_.chunks) {
        auto now = from_->metadata(chunk);
        if (!now) {
            metadata = std::unexpected(now.error());
            text.clear();
        } else if (text.empty() || text != *now) {
            text = std::move(*now);
            auto parsed = parse_metadata(text);
            if (parsed) {
                metadata = std::make_shared<const Metadata>(std::move(*parsed));
            } else {
                metadata = std::unexpected(parsed.error());
            }
        }
        if (!metadata) {
            // Without it the bytes mean nothing; the other chunks stand alone.
            fault = metadata.error();
            note_damage()({.file = chunk.path,
                           .offset = 0,
                           .bytes = chunk.bytes,
                           .why = metadata.error().line()});
            continue;
        }
        if (!pieces_.empty() && (*metadata)->uuid != pieces_.front().metadata->uuid) {
            return fail("open " + boot_.path,
                        fmt::format("it holds chunks of two boots: {} is of {}, those before of {}",
                                    chunk.path.substr(chunk.path.rfind('/') + 1),
                                    uuid_text((*metadata)->uuid),
                                    uuid_text(pieces_.front().metadata->uuid)),
                        "put each boot's chunks into a folder of its own");
        }
        pieces_.push_back({.chunk = chunk,
                           .metadata = *metadata,
                           .own = (*metadata)->kinds == own_layouts(),
                           .first_ns = chunk.first_ns,
                           .weight = std::max<std::uint64_t>(chunk.bytes, 1)});
    }
    if (!pieces_.empty()) {
        wall_offset_ns_ = pieces_.front().metadata->wall_offset_ns;
    }
    if (pieces_.empty() && spooled_.empty()) {
        return fault ? std::unexpected(*fault) : fail("open " + boot_.path, "it holds no events");
    }
    for (Piece& piece : pieces_) {
        first_ns_ = first_ns_of(piece);
        if (first_ns_ != 0) {
            break;
        }
    }
    if (first_ns_ == 0 && !spooled_.empty()) {
        first_ns_ = spooled_.front().header.timestamp_begin;
    }
    return {};
}

TellDamage RecordingSource::note_damage() {
    return [this](Damage damage) {
        damaged_ = true;
        faults_.damaged_places++;
        faults_.damaged_bytes += damage.bytes;
        if (faults_.damage.size() < RecordingFaults::most_told) {
            faults_.damage.push_back(std::move(damage));
        }
    };
}

std::uint64_t RecordingSource::first_ns_of(Piece& piece) {
    if (piece.first_ns == 0) {
        auto reader = from_->open(piece.chunk, piece.metadata->uuid);
        const auto packet =
            reader ? reader->next([](const Damage&) {}, false) : std::optional<Packet>{};
        piece.first_ns = packet ? packet->header.timestamp_begin : 0;
    }
    return piece.first_ns;
}

bool RecordingSource::begins_with_keyframe(Piece& piece) {
    auto reader = from_->open(piece.chunk, piece.metadata->uuid);
    bool damaged = false;
    while (const auto packet = reader ? reader->next([&](const Damage&) { damaged = true; })
                                      : std::optional<Packet>{}) {
        if (damaged || packet->header.kind == PacketKind::events) {
            return false;
        }
        if (packet->header.kind == PacketKind::keyframe_end) {
            return true;
        }
    }
    return false;
}

void RecordingSource::start_at(std::uint64_t boot_ns) {
    auto after = std::ranges::partition_point(
        pieces_, [&](Piece& piece) { return first_ns_of(piece) <= boot_ns; });
    while (after != pieces_.begin()) {
        --after;
        if (begins_with_keyframe(*after)) {
            at_ = begin_ = static_cast<std::size_t>(after - pieces_.begin());
            return;
        }
    }
}

bool RecordingSource::next_chunk() {
    while (at_ < pieces_.size()) {
        auto reader = from_->open(pieces_[at_].chunk, pieces_[at_].metadata->uuid);
        if (reader) {
            keyframe_bad_until_ = read_ = 0;
            reader_ = std::make_unique<ReadAhead>(std::move(*reader));
            return true;
        }
        if (from_->broken()) {
            broken_ = reader.error();
            return false;
        }
        note_damage()({.file = pieces_[at_].chunk.path,
                       .offset = 0,
                       .bytes = pieces_[at_].chunk.bytes,
                       .why = reader.error().line()});
        at_++;
    }
    return false;
}

/// Reads on to its end and comes back.
bool RecordingSource::keyframe_is_whole(const Packet& first) {
    const PacketHeader header = first.header;
    const std::uint64_t start = first.offset;
    bool damaged = false;
    bool whole = header.kind == PacketKind::keyframe_end;
    std::uint64_t end = first.end;
    while (!whole && !damaged) {
        const auto packet = reader_->next([&](const Damage&) { damaged = true; });
        if (!packet || packet->header.kind == PacketKind::events) {
            break;
        }
        end = packet->end;
        whole = !damaged && packet->header.kind == PacketKind::keyframe_end;
    }
    keyframe_bad_until_ = whole ? 0 : end;
    reader_->seek(start);
    return whole;
}

std::size_t RecordingSource::tell_missing(std::uint64_t lost, std::uint64_t boot_ns,
                                          const EventHandler& handle) {
    nst_gap gap{};
    gap.header.kind = NST_KIND_gap;
    gap.header.boot_ns = boot_ns;
    gap.lost = lost;
    gap.cause = NST_gap_cause_damage;
    const EventBuffer buffer = EventBuffer::make(gap);
    handle(*buffer.event());
    return 1;
}

/// A record of a chunk whose layouts are not all those of this version: its size there, 0 = it fits
/// none. `event` becomes what it says, in `room` where it lies differently.
std::size_t RecordingSource::reinterpret(std::span<const std::byte> record,
                                         const Metadata& metadata, std::optional<EventBuffer>& room,
                                         std::optional<Event>& event) {
    const std::uint16_t kind = reinterpret_cast<const nst_header*>(record.data())->kind;
    if (kind >= metadata.kinds.size()) {
        return 0;
    }
    const KindLayout& theirs = metadata.kinds[kind];
    const KindLayout& ours = own_layouts()[kind];
    if (theirs == ours) {
        return event ? event->bytes().size() : 0;
    }
    const std::size_t size = size_of(record, theirs);
    if (size == 0) {
        return 0;
    }
    room = ours.fixed == 0 ? std::nullopt : translate(record, theirs, ours, size);
    faults_.unknown_events += room ? 0 : 1;
    event = room ? Event::in(room->bytes()) : std::nullopt;
    return size;
}

std::size_t RecordingSource::deliver(const Packet& packet, bool keyframe,
                                     const EventHandler& handle) {
    const Piece* piece = at_ < pieces_.size() ? &pieces_[at_] : nullptr;
    const bool own = piece == nullptr || piece->own;
    std::size_t delivered = 0;
    const Owner* owner = reader_ ? reader_->owner() : nullptr;
    std::size_t at = sizeof(PacketHeader);
    std::optional<EventBuffer> translated;
    while (at + record_prefix + sizeof(nst_header) <= packet.bytes.size()) {
        std::memcpy(&recorded_ns_, packet.bytes.data() + at, sizeof(recorded_ns_));
        if (recorded_ns_ > until_) {
            ended_ = true;
            return delivered;
        }
        const auto record = packet.bytes.subspan(at + record_prefix);
        auto event = Event::in(record, owner);
        std::size_t size = event ? event->bytes().size() : 0;
        if (!own) {
            size = reinterpret(record, *piece->metadata, translated, event);
        }
        if (size == 0) {
            note_damage()({.file = piece != nullptr ? piece->chunk.file : boot_.path,
                           .offset = packet.offset + at,
                           .bytes = packet.bytes.size() - at,
                           .why = "a record does not fit its packet"});
            break;
        }
        at += record_prefix + size;
        expected_ += keyframe ? 0 : 1;
        if (!event) {
            continue;  // of a kind that only a newer version knows
        }
        if (event->kind() == NST_KIND_gap) {
            const auto& gap = event->as<nst_gap>();
            // In the midst of a stream what was lost before has been told.
            if (keyframe && begun_ && gap.lost != 0) {
                continue;
            }
            wants_keyframe_ = wants_keyframe_ || gap.cause == NST_gap_cause_record;
        }
        handle(*event);
        delivered++;
    }
    return delivered;
}

std::size_t RecordingSource::take(const Packet& packet, const EventHandler& handle) {
    const PacketHeader& header = packet.header;
    const bool another = header.session != session_;
    // Packets of the spool have no number yet.
    const bool numbered = packet.end != 0;
    const bool torn = numbered && header.packet_seq_num != next_packet_;
    next_packet_ = numbered ? header.packet_seq_num + 1 : next_packet_;
    if (header.kind != PacketKind::events) {
        const bool first = !in_keyframe_;
        if ((!wants_keyframe_ && !another) || packet.offset < keyframe_bad_until_ ||
            (first && !keyframe_is_whole(packet))) {
            return 0;
        }
        if (first) {
            // It was read beyond: again from where it begins.
            in_keyframe_ = true;
            return 0;
        }
        const std::size_t delivered = deliver(packet, true, handle);
        if (header.kind == PacketKind::keyframe_end) {
            in_keyframe_ = wants_keyframe_ = false;
            begun_ = true;
            session_ = header.session;
            expected_ = header.first_event;
        }
        return delivered;
    }
    std::size_t delivered = 0;
    if (another) {
        // How much of the end of the session before nobody knows.
        delivered += (damaged_ || torn) && begun_ ? tell_missing(0, recorded_ns_, handle) : 0;
        session_ = header.session;
        expected_ = 0;
        wants_keyframe_ = false;
    }
    if (header.first_event < expected_) {
        return 0;  // told already: a packet of the spool that was written meanwhile
    }
    if (header.first_event > expected_) {
        delivered += tell_missing(header.first_event - expected_, header.timestamp_begin, handle);
        wants_keyframe_ = true;
    }
    // What was damaged ahead of it was no event: the numbers follow.
    damaged_ = false;
    // Counted as they are read: of a packet that ends early the next one tells what is missing.
    expected_ = header.first_event;
    begun_ = true;
    delivered += deliver(packet, false, handle);
    return delivered;
}

double RecordingSource::part() const {
    std::uint64_t done = at_ < pieces_.size() ? std::min(read_, pieces_[at_].weight) : 0;
    std::uint64_t all = 0;
    for (std::size_t i = begin_; i < pieces_.size(); i++) {
        done += i < at_ ? pieces_[i].weight : 0;
        all += pieces_[i].weight;
    }
    return all == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(all));
}

Result<std::size_t> RecordingSource::poll(const EventHandler& handle) {
    if (ended_) {
        return 0;
    }
    while (reader_ || next_chunk()) {
        if (const auto packet = reader_->next(note_damage())) {
            read_ = packet->end;
            return take(*packet, handle);
        }
        in_keyframe_ = false;
        reader_.reset();
        at_++;
    }
    if (broken_) {
        return std::unexpected(*broken_);
    }
    if (at_spooled_ < spooled_.size()) {
        const SpooledPacket& packet = spooled_[at_spooled_++];
        return take({.header = packet.header,
                     .bytes = std::as_bytes(std::span(packet.words)),
                     .offset = 0,
                     .end = 0},
                    handle);
    }
    ended_ = true;
    // Damage behind the last whole packet: how much it was nobody knows.
    return std::exchange(damaged_, false) && begun_ ? tell_missing(0, recorded_ns_, handle) : 0;
}

}  // namespace nstrail

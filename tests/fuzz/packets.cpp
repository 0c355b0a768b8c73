// SPDX-License-Identifier: Apache-2.0
// Any recipe as a recording: chunks, compressed ones, and what a recorder was filling.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/text.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/recipe.hpp"
#include "record/chunk.hpp"
#include "record/packet.hpp"
#include "source/recording.hpp"
#include "support/temp_dir.hpp"

using namespace nstrail;
using fuzz::Piece;
using fuzz::Recipe;
using fuzz::require;
using fuzz::Setup;
using fuzz::What;

namespace {

namespace fs = std::filesystem;

constexpr Uuid boot{0x5e, 0xed, 0x1c, 0x76, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 7};
constexpr std::size_t most_chunks = 4;

/// A recording's folder, made over with each input: what need not change stays.
class Folder {
public:
    Folder() { fs::create_directory(path_); }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string chunk(std::size_t index) const {
        return fmt::format("{}/{}", path_, chunk_name(static_cast<std::uint32_t>(index + 1)));
    }
    void fill(const std::vector<std::string>& chunks, bool packed, const std::string& metadata) {
        for (std::size_t i = chunks.size(); i < most_chunks; i++) {
            fs::remove_all(chunk(i));
            metadata_.erase(i);
        }
        for (std::size_t i = 0; i < chunks.size(); i++) {
            fs::create_directory(chunk(i));
            if (metadata_[i] != metadata) {
                write(chunk(i) + "/metadata", metadata);
                metadata_[i] = metadata;
            }
            fs::remove(chunk(i) + '/' + std::string(packed ? events_name : packed_name));
            write(chunk(i) + '/' + std::string(packed ? packed_name : events_name), chunks[i]);
        }
    }
    static void write(const std::string& path, const std::string& bytes) {
        std::ofstream to(path, std::ios::binary | std::ios::trunc);
        to << bytes;
        require(static_cast<bool>(to.flush()), "a file can be written");
    }

private:
    test::TempDir root_;
    std::string path_ = root_.path() + "/boot-" + uuid_text(boot);
    std::map<std::size_t, std::string> metadata_;
};

/// What a recorder that is no more left in memory.
class Left {
public:
    Left(const Folder& folder, const std::vector<std::string>& slots)
        : open_(folder.path() + "/open"),
          path_(fmt::format("/dev/shm/nstrail-{:016x}", static_cast<std::uint64_t>(getpid()))) {
        const Fd file(open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        for (std::size_t i = 0; i < std::min(slots.size(), Spool::slots); i++) {
            const auto offset = static_cast<off_t>(i * packet_room);
            const auto size = static_cast<ssize_t>(slots[i].size());
            require(pwrite(file.get(), slots[i].data(), slots[i].size(), offset) == size,
                    "memory can be written");
        }
        Folder::write(open_, path_ + '\n');
    }
    Left(const Left&) = delete;
    Left& operator=(const Left&) = delete;
    ~Left() {
        unlink(path_.c_str());
        unlink(open_.c_str());
    }

private:
    std::string open_;
    std::string path_;
};

std::string metadata_for(const Setup& setup) {
    nst_session session{};
    copy_text(session.release, "6.12.0-fuzz");
    std::string text = metadata_text(session, boot);
    if (setup.is(Setup::foreign)) {
        // The first of two is read.
        const KindLayout layout = setup.layout();
        const auto at = text.find("\n\tnstrail_format");
        text.insert(at, fmt::format("\n\tnstrail_layout_{} = \"other {} {} {}\";", setup.kind,
                                    layout.fixed, layout.element, layout.count_at));
    }
    return text;
}

/// Packets as a recorder would have written them, but for what the recipe says.
class Baker {
public:
    explicit Baker(const Setup& setup) : setup_(setup) { chunks_.emplace_back(); }

    void bake(const Piece& piece) {
        if (piece.step.what == What::chunk) {
            if (chunks_.size() < most_chunks) {
                chunks_.emplace_back();
            }
            return;
        }
        std::string bytes;
        if (piece.step.what == What::bytes) {
            bytes.assign(reinterpret_cast<const char*>(piece.bytes().data()), piece.bytes().size());
        } else {
            bytes = packet(piece);
        }
        if (setup_.is(Setup::packed) && piece.step.what != What::bytes) {
            std::string frame(ZSTD_compressBound(bytes.size()), '\0');
            frame.resize(ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), 1));
            bytes = std::move(frame);
        }
        if (piece.step.what == What::damaged && !bytes.empty()) {
            bytes[piece.step.damage_at % bytes.size()] ^= static_cast<char>(piece.step.damage);
        }
        slots.push_back(bytes);
        chunks_.back() += bytes;
    }
    [[nodiscard]] const std::vector<std::string>& chunks() const { return chunks_; }

    std::vector<std::string> slots;

private:
    std::string packet(const Piece& piece) {
        const fuzz::Step& step = piece.step;
        room_.resize(packet_room / sizeof(std::uint64_t));
        PacketHeader header;
        header.uuid = boot;
        std::uint64_t events = 0;
        fuzz::each_record(piece.bytes(), [&](std::uint64_t timestamp, const Event&) {
            header.timestamp_begin = events++ == 0 ? timestamp : header.timestamp_begin;
            header.timestamp_end = std::max(header.timestamp_begin, timestamp);
        });
        header.session = std::max<std::uint32_t>(1, step.session);
        header.kind = static_cast<PacketKind>(step.kind % 4);
        header.chunk = static_cast<std::uint32_t>(chunks_.size());
        std::uint64_t& next = next_event_[header.session];
        header.first_event = next + static_cast<std::uint64_t>(std::int64_t{step.first});
        header.events =
            static_cast<std::uint32_t>(events) + static_cast<std::uint32_t>(step.events);
        next += header.kind == PacketKind::events ? events : 0;
        header.content_size = (sizeof(header) + piece.bytes().size()) * 8;
        std::memcpy(room_.data(), &header, sizeof(header));
        if (!piece.words.empty()) {
            std::memcpy(room_.data() + (sizeof(header) / 8), piece.words.data(),
                        piece.bytes().size());
        }
        const auto whole = finish_packet(reinterpret_cast<std::byte*>(room_.data()), sequence_++);
        return {reinterpret_cast<const char*>(whole.data()), whole.size()};
    }

    Setup setup_;
    std::vector<std::string> chunks_;
    std::vector<std::uint64_t> room_;
    std::map<std::uint32_t, std::uint64_t> next_event_;
    std::uint64_t sequence_ = 0;
};

/// Each byte of a file is in a packet, or told as damage, and is so once. Returns how many packets.
std::size_t walk(const ShelvedChunk& chunk, std::size_t size) {
    std::size_t packets = 0;
    for (const bool contents : {true, false}) {
        auto reader = ChunkReader::open(chunk, boot);
        require(reader.has_value(), "a file is opened");
        std::uint64_t at = 0;
        const auto tell = [&](const Damage& damage) {
            require(damage.offset == at, "what is damaged begins where reading stopped");
            require(!damage.why.empty(), "damage has a reason");
            at += damage.bytes;
        };
        while (const auto packet = reader->next(tell, contents)) {
            require(packet->offset == at && packet->end > at, "packets lie one behind another");
            require(packet->bytes.size() <= packet_room, "no packet is larger than it may be");
            at = packet->end;
            packets += contents ? 1 : 0;
        }
        // A header alone does not tell that its packet is cut off.
        require(contents ? at == size : at >= size, "each byte is read or told as damaged");
    }
    return packets;
}

/// Where a stream stands after its packets of events, all of one session, by what docs/RECORDING.md
/// says: a packet that is behind was told already, what lies between two is missing.
std::uint64_t position_after(const std::vector<ShelvedChunk>& chunks) {
    std::uint64_t position = 0;
    for (const ShelvedChunk& chunk : chunks) {
        auto reader = ChunkReader::open(chunk, boot);
        while (const auto packet = reader->next([](const Damage&) {})) {
            if (packet->header.first_event >= position) {
                position = packet->header.first_event;
                fuzz::each_record(packet->bytes.subspan(sizeof(PacketHeader)),
                                  [&](std::uint64_t, const Event&) { position++; });
            }
        }
    }
    return position;
}

bool one_stream(const Recipe& recipe) {
    return std::ranges::all_of(recipe.pieces, [](const Piece& piece) {
        return piece.step.what != What::bytes && piece.step.kind % 4 == 0 &&
               piece.step.session <= 1;
    });
}

/// Nothing was done to any packet.
bool whole(const Recipe& recipe) {
    return std::ranges::all_of(recipe.pieces, [](const Piece& piece) {
        std::size_t size = 0;
        fuzz::each_record(piece.bytes(), [&](std::uint64_t, const Event& event) {
            size += record_prefix + event.bytes().size();
        });
        return piece.step.what != What::damaged && piece.step.first == 0 &&
               piece.step.events == 0 && size == piece.bytes().size();
    });
}

std::string text_of_bytes(const Event& event) {
    return {reinterpret_cast<const char*>(event.bytes().data()), event.bytes().size()};
}

struct Delivered {
    std::vector<std::string> events;  ///< but the gaps that the reader made
    std::uint64_t lost = 0;           ///< what these tell
};

Delivered read_all(RecordingSource& source, std::size_t most_polls) {
    Delivered all;
    std::size_t polls = 0;
    while (!source.ended()) {
        std::size_t told = 0;
        const auto polled = source.poll([&](const Event& event) {
            told++;
            const bool made =
                event.kind() == NST_KIND_gap && event.as<nst_gap>().cause == NST_gap_cause_damage;
            if (made) {
                all.lost += event.as<nst_gap>().lost;
            } else {
                all.events.push_back(text_of_bytes(event));
            }
        });
        require(polled.has_value() && *polled == told, "a reader tells what it delivered");
        require(polls++ < most_polls, "reading comes to an end");
    }
    return all;
}

bool has_gaps_of_damage(const Recipe& recipe) {
    return std::ranges::any_of(recipe.pieces, [](const Piece& piece) {
        bool any = false;
        fuzz::each_record(piece.bytes(), [&](std::uint64_t, const Event& event) {
            any = any || (event.kind() == NST_KIND_gap &&
                          event.as<nst_gap>().cause == NST_gap_cause_damage);
        });
        return any;
    });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Folder folder;
    const Recipe recipe = fuzz::recipe_of(fuzz::as_bytes(data, size));
    const Setup& setup = recipe.setup;
    const bool spool = setup.is(Setup::spool);
    const bool packed = setup.is(Setup::packed) && !spool;
    Baker baker(spool ? Setup{} : setup);
    for (const Piece& piece : recipe.pieces) {
        baker.bake(piece);
    }
    const std::vector<std::string> files = spool ? std::vector<std::string>(1) : baker.chunks();
    folder.fill(files, packed, metadata_for(setup));
    std::size_t packets = baker.slots.size();
    std::vector<ShelvedChunk> chunks;
    for (std::size_t i = 0; i < files.size(); i++) {
        chunks.push_back(
            {.number = static_cast<std::uint32_t>(i + 1),
             .path = folder.chunk(i),
             .file = folder.chunk(i) + '/' + std::string(packed ? packed_name : events_name),
             .packed = packed});
        packets += walk(chunks.back(), files[i].size());
    }

    auto source = [&] {
        std::optional<Left> left;
        if (spool) {
            left.emplace(folder, baker.slots);
        }
        return RecordingSource::open(folder.path());
    }();
    require(source.has_value(), "a recording is opened");
    if (setup.is(Setup::start_at)) {
        (*source)->start_at(setup.from_ns);
    }
    if (setup.is(Setup::end_at)) {
        (*source)->end_at(setup.until_ns);
    }
    const Delivered all = read_all(**source, (2 * packets) + most_chunks + 2);
    const RecordingFaults& faults = (*source)->faults();
    require(faults.damage.size() ==
                std::min(faults.damaged_places, std::uint64_t{RecordingFaults::most_told}),
            "what is told of damage is counted");

    const bool plain = !setup.is(Setup::foreign) && !setup.is(Setup::start_at) &&
                       !setup.is(Setup::end_at) && !spool && one_stream(recipe) &&
                       !has_gaps_of_damage(recipe);
    if (plain) {
        require(all.events.size() + all.lost == position_after(chunks),
                "each event is delivered, or told as missing");
    }
    if (plain && whole(recipe)) {
        std::vector<std::string> written;
        for (const Piece& piece : recipe.pieces) {
            fuzz::each_record(piece.bytes(), [&](std::uint64_t, const Event& event) {
                written.push_back(text_of_bytes(event));
            });
        }
        require(faults.damaged_places == 0 && all.lost == 0, "what is whole is not damaged");
        require(all.events == written, "what was written is read");
    }
    return 0;
}

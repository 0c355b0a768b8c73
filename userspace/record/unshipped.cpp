// SPDX-License-Identifier: Apache-2.0
#include "record/unshipped.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "record/boot_reader.hpp"

namespace nstrail {

namespace {

constexpr std::string_view mark_name = "shipped";

template <class T>
bool take_number(const char*& at, const char* end, char stop, T& number) {
    const auto [after, error] = std::from_chars(at, end, number);
    if (error != std::errc{} || after == end || *after != stop) {
        return false;
    }
    at = after + 1;
    return true;
}

}  // namespace

std::optional<ShipMark> ShipMark::read(const std::string& boot_path) {
    const auto text = read_text(fmt::format("{}/{}", boot_path, mark_name), 64);
    if (!text) {
        return std::nullopt;
    }
    ShipMark mark;
    const char* at = text->data();
    const char* end = at + text->size();
    if (!take_number(at, end, ' ', mark.chunk) || !take_number(at, end, '\n', mark.next_packet) ||
        at != end) {
        return std::nullopt;
    }
    return mark;
}

Result<void> ShipMark::write(const std::string& boot_path) const {
    const std::string path = fmt::format("{}/{}", boot_path, mark_name);
    const std::string hidden = fmt::format("{}/.{}", boot_path, mark_name);
    const Fd file(open(hidden.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
    const std::string text = fmt::format("{} {}\n", chunk, next_packet);
    errno = 0;
    if (!file || ::write(file.get(), text.data(), text.size()) != std::ssize(text) ||
        fdatasync(file.get()) != 0 || rename(hidden.c_str(), path.c_str()) != 0) {
        return fail("write " + path, errno != 0 ? errno : ENOSPC);
    }
    return {};
}

UnshippedPackets::UnshippedPackets(std::string boot_path, const Uuid& uuid)
    : boot_path_(std::move(boot_path)), uuid_(uuid), mark_(ShipMark::read(boot_path_)) {
    if (mark_) {
        wanted_chunk_ = mark_->chunk;
        next_packet_ = mark_->next_packet;
        numbered_ = true;
    }
}

bool UnshippedPackets::open_chunk() {
    if (reader_) {
        return true;
    }
    auto boot = list_boot(boot_path_);
    if (!boot) {
        return false;
    }
    for (const ShelvedChunk& chunk : boot->chunks) {
        if (chunk.number < wanted_chunk_) {
            continue;
        }
        DiskBoot boot_reader;
        auto reader = boot_reader.open(chunk, uuid_);
        auto metadata = boot_reader.metadata(chunk);
        if (!reader || !metadata) {
            continue;  // dropped meanwhile, or empty: the numbers of the next one tell
        }
        complete_ = false;
        doubtful_.reset();
        at_ = 0;
        wanted_chunk_ = chunk.number;
        metadata_ = std::move(*metadata);
        reader_ = std::move(*reader);
        return true;
    }
    return false;
}

bool UnshippedPackets::later_chunk() const {
    const auto boot = list_boot(boot_path_);
    return boot && !boot->chunks.empty() && boot->chunks.back().number > wanted_chunk_;
}

std::optional<Packet> UnshippedPackets::next() {
    while (open_chunk()) {
        // What was read ahead may have been half written then.
        std::optional<Damage> damage;
        auto packet = reader_->next([&](Damage found) {
            if (!damage) {
                damage = std::move(found);
            }
        });
        if (damage && !complete_ && (!packet || doubtful_ != damage->offset)) {
            // Perhaps it is being written right now: what is damaged is so the next time too.
            doubtful_ = damage->offset;
            reader_->reread(damage->offset);
            if (packet) {
                return std::nullopt;
            }
        }
        if (packet) {
            at_ = packet->end;
            const std::uint64_t number = packet->header.packet_seq_num;
            if (numbered_ && number < next_packet_) {
                continue;  // acknowledged already
            }
            lost_ += numbered_ ? number - next_packet_ : 0;
            numbered_ = true;
            next_packet_ = number + 1;
            return packet;
        }
        if (!complete_) {
            // Whatever is written to it was written before a later one was seen.
            reader_->reread(damage ? damage->offset : at_);
            complete_ = later_chunk();
            if (!complete_) {
                return std::nullopt;
            }
            continue;
        }
        reader_.reset();
        wanted_chunk_++;
    }
    return std::nullopt;
}

void UnshippedPackets::put_back(const Packet& packet) {
    reader_->seek(packet.offset);
    at_ = packet.offset;
    next_packet_ = packet.header.packet_seq_num;
}

void UnshippedPackets::acknowledge(const PacketHeader& last) {
    mark_ = {.chunk = last.chunk, .next_packet = last.packet_seq_num + 1};
    kept_ = false;
}

Result<void> UnshippedPackets::keep_mark(bool whole) {
    if (whole && (!mark_ || mark_->chunk != ShipMark::all_chunks)) {
        mark_ = {.chunk = ShipMark::all_chunks, .next_packet = next_packet_};
        kept_ = false;
    }
    if (kept_ || !mark_) {
        return {};
    }
    auto written = mark_->write(boot_path_);
    kept_ = written.has_value();
    return written;
}

std::uint64_t UnshippedPackets::waiting_bytes() const {
    const auto boot = list_boot(boot_path_);
    std::uint64_t bytes = 0;
    for (const ShelvedChunk& chunk : boot ? boot->chunks : std::vector<ShelvedChunk>{}) {
        std::error_code ignored;
        const auto size = std::filesystem::file_size(chunk.file, ignored);
        const std::uint64_t read = chunk.number == wanted_chunk_ ? at_ : 0;
        bytes += chunk.number < wanted_chunk_ || ignored ? 0 : size - std::min(size, read);
    }
    return bytes;
}

}  // namespace nstrail

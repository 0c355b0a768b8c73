// SPDX-License-Identifier: Apache-2.0
#include "record/stream_boot.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <fmt/format.h>

#include "record/frame.hpp"
#include "record/shipped.hpp"

namespace nstrail {

namespace {

using Before = StreamReader::Before;

/// A frame in a file.
struct Frame {
    std::uint64_t packet = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

Result<Fd> nameless_file() {
    const char* chosen = std::getenv("TMPDIR");
    const std::string folder = chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
    Fd file(open(folder.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
    if (!file) {
        return fail("make a temporary file in " + folder, errno, "choose a folder with TMPDIR");
    }
    return file;
}

Result<void> write_all(const Fd& file, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t put = write(file.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return fail("write a chunk to a temporary file", put < 0 ? errno : ENOSPC,
                        "choose a folder with TMPDIR");
        }
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return {};
}

/// The frames of a message; bytes that no frame can be made of stay with the one ahead of them, for
/// whoever reads that to tell.
void find_frames(std::span<const std::byte> payload, std::uint64_t first_packet,
                 std::uint64_t offset, std::vector<Frame>& frames) {
    std::uint64_t packet = first_packet;
    std::vector<std::byte> start(sizeof(PacketHeader));
    const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> unpack(ZSTD_createDStream(),
                                                                            ZSTD_freeDStream);
    while (!payload.empty()) {
        std::size_t size = ZSTD_findFrameCompressedSize(payload.data(), payload.size());
        if (ZSTD_isError(size) != 0) {
            size = payload.size();
        } else {
            ZSTD_DCtx_reset(unpack.get(), ZSTD_reset_session_only);
            ZSTD_inBuffer in{.src = payload.data(), .size = size, .pos = 0};
            ZSTD_outBuffer out{.dst = start.data(), .size = start.size(), .pos = 0};
            while (out.pos < out.size && in.pos < in.size &&
                   ZSTD_isError(ZSTD_decompressStream(unpack.get(), &out, &in)) == 0) {
            }
            if (out.pos == out.size) {
                PacketHeader header;
                std::memcpy(&header, start.data(), sizeof(header));
                packet = header.packet_seq_num;
            }
        }
        frames.push_back({.packet = packet, .offset = offset, .bytes = size});
        packet++;
        offset += size;
        payload = payload.subspan(size);
    }
}

/// The frames in the order of their packets, each once: `file`, or another one where they do not
/// lie like that in it.
Result<Fd> ordered(Fd file, std::vector<Frame> frames) {
    std::ranges::stable_sort(frames, {}, &Frame::packet);
    const auto doubles = std::ranges::unique(frames, {}, &Frame::packet);
    frames.erase(doubles.begin(), doubles.end());
    std::uint64_t end = 0;
    const bool in_order = std::ranges::all_of(frames, [&](const Frame& frame) {
        return frame.offset == std::exchange(end, frame.offset + frame.bytes);
    });
    if (in_order) {
        return file;
    }
    auto sorted = nameless_file();
    if (!sorted) {
        return sorted;
    }
    std::vector<std::byte> bytes;
    for (const Frame& frame : frames) {
        bytes.resize(frame.bytes);
        if (pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(frame.offset)) !=
            std::ssize(bytes)) {
            return fail("read a temporary file", errno);
        }
        if (auto written = write_all(*sorted, bytes); !written) {
            return std::unexpected(written.error());
        }
    }
    return sorted;
}

}  // namespace

Result<std::unique_ptr<StreamBoot>> StreamBoot::open(const StreamUrl& url) {
    auto reader = StreamReader::open(url);
    if (!reader) {
        return std::unexpected(reader.error());
    }
    auto shipped = shipped_names(*reader);
    if (!shipped) {
        return std::unexpected(shipped.error());
    }
    std::vector<ShipName>& names = *shipped;
    if (names.empty()) {
        return fail(
            "read " + url.text(),
            fmt::format("it holds no recording{}{}", url.host.empty() ? "" : " of host " + url.host,
                        url.boot.empty() ? "" : " of boot " + url.boot),
            "`nstrail fleet ls` says what it holds");
    }
    if (names.size() > 1) {
        std::string list;
        for (const ShipName& name : names) {
            list += fmt::format("{}host {} boot {}", list.empty() ? "" : ", ", name.host,
                                uuid_text(name.boot));
            if (list.size() > 500) {
                list += ", …";
                break;
            }
        }
        return fail("read " + url.text(),
                    fmt::format("it holds {} recordings: {}", names.size(), list),
                    "choose one with --host and --boot");
    }
    std::unique_ptr<StreamBoot> boot(new StreamBoot(std::move(*reader), std::move(names.front())));
    if (auto read = boot->read_heads(); !read) {
        return std::unexpected(read.error());
    }
    return boot;
}

/// The next message of a subject that has one ahead of `end`; nothing = the next one lies beyond.
Result<std::optional<StreamMessage>> StreamBoot::next(const std::string& subject,
                                                      std::uint64_t from, std::uint64_t end,
                                                      const StreamReader::Judge& judge) {
    auto got = reader_.next(subject, from, true, judge);
    if (!got) {
        return got;
    }
    if (!*got) {
        return fail("read " + reader_.url().text(),
                    fmt::format("messages of {} that were there are there no more", subject),
                    "has the stream dropped them meanwhile?");
    }
    return (*got)->sequence < end ? std::move(got) : std::nullopt;
}

Result<void> StreamBoot::read_heads() {
    const std::string subject = name_.chunks_subject();
    const auto last_head = reader_.last(subject);
    const auto last = reader_.last(name_.packets_subject());
    if (!last_head || !last) {
        return std::unexpected(last_head ? last.error() : last_head.error());
    }
    const std::uint64_t heads_end = *last_head ? (*last_head)->sequence + 1 : 0;
    end_ = *last ? (*last)->sequence + 1 : 0;
    std::shared_ptr<const std::string> metadata;
    std::uint64_t chunk = 0;
    const auto judge = [this, &chunk](const StreamMessage& head) {
        if (std::min(head.number(chunk_header), head.number(acknowledged_chunk_header) + 1) <=
            chunk + 1) {
            return Before::none;
        }
        // As a rule the stream has dropped its oldest ones.
        return heads_.empty() ? Before::perhaps : Before::some;
    };
    for (std::uint64_t at = 1; at < heads_end;) {
        auto head = next(subject, at, heads_end, judge);
        if (!head) {
            return std::unexpected(head.error());
        }
        if (!*head) {
            break;
        }
        at = (*head)->sequence + 1;
        auto text = unpack_text((*head)->payload, DiskBoot::most_metadata);
        if (!text) {
            return fail("read " + reader_.url().text(),
                        fmt::format("message {} is no head of a chunk ({})", (*head)->sequence,
                                    text.error().why));
        }
        // As a rule all chunks have the same.
        if (!metadata || *metadata != *text) {
            metadata = std::make_shared<const std::string>(std::move(*text));
        }
        chunk = (*head)->number(chunk_header);
        heads_.try_emplace(static_cast<std::uint32_t>(chunk),
                           Head{.sequence = (*head)->sequence,
                                .begin_ns = (*head)->number(begin_header),
                                .metadata = metadata});
    }
    shelved_.path =
        fmt::format("{}/{}{}", reader_.url().text(), boot_prefix, uuid_text(name_.boot));
    for (const auto& [number, head] : heads_) {
        const std::string path = shelved_.path + '/' + chunk_name(number);
        shelved_.chunks.push_back({.number = number,
                                   .path = path,
                                   .file = path,
                                   .packed = true,
                                   .first_ns = head.begin_ns});
    }
    return {};
}

Result<std::string> StreamBoot::metadata(const ShelvedChunk& chunk) {
    return *heads_.at(chunk.number).metadata;
}

/// All of a chunk lies between its head and that of the next one, since each message is
/// acknowledged before another is sent; what comes a second time may lie anywhere behind.
Result<Fd> StreamBoot::fetch(std::uint32_t chunk) {
    const auto head = heads_.find(chunk);
    const auto following = std::next(head);
    const std::uint64_t end =
        std::min(end_, following == heads_.end() ? end_ : following->second.sequence);
    const std::string subject = name_.packets_subject();
    auto file = nameless_file();
    if (!file) {
        return file;
    }
    std::vector<Frame> frames;
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> packet;  // that follows
    const auto judge = [&](const StreamMessage& message) {
        const bool follows = packet
                                 ? std::min(message.number(first_packet_header),
                                            message.number(acknowledged_packets_header)) <= *packet
                                 : message.number(begin_header) == head->second.begin_ns ||
                                       message.number(acknowledged_chunk_header) < chunk;
        return follows ? Before::none : Before::some;
    };
    for (std::uint64_t at = head->second.sequence + 1; at < end;) {
        auto message = next(subject, at, end, judge);
        if (!message) {
            return std::unexpected(message.error());
        }
        if (!*message) {
            break;
        }
        at = (*message)->sequence + 1;
        if ((*message)->number(chunk_header) != chunk) {
            continue;
        }
        packet = (*message)->number(last_packet_header) + 1;
        const auto& payload = (*message)->payload;
        if (auto written = write_all(*file, payload); !written) {
            return std::unexpected(written.error());
        }
        find_frames(payload, (*message)->number(first_packet_header), bytes, frames);
        bytes += payload.size();
    }
    return ordered(std::move(*file), std::move(frames));
}

Result<ChunkReader> StreamBoot::open(const ShelvedChunk& chunk, const Uuid& uuid) {
    if (fetched_.first != chunk.number) {
        fetched_ = {};
        auto file = fetch(chunk.number);
        if (!file) {
            broken_ = true;
            return std::unexpected(file.error());
        }
        fetched_ = {chunk.number, std::move(*file)};
    }
    Fd again(fcntl(fetched_.second.get(), F_DUPFD_CLOEXEC, 0));
    if (!again) {
        return fail("read " + chunk.path, errno);
    }
    return ChunkReader(std::move(again), chunk.path, uuid, true);
}

}  // namespace nstrail

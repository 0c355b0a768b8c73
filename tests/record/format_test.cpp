// SPDX-License-Identifier: Apache-2.0
// The recording as others see it, and as other versions of nstrail write it.
#include "event/format.hpp"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <regex>

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "record/format.hpp"
#include "record/metadata.hpp"
#include "record/packet.hpp"
#include "record/recordings.hpp"

namespace nstrail::test {
namespace {

namespace fs = std::filesystem;

struct Shell {
    int status = -1;
    std::string out;
};
Shell shell(const std::string& command) {
    Shell result;
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    std::array<char, 65536> bytes{};
    for (std::size_t got = 0; (got = fread(bytes.data(), 1, bytes.size(), pipe)) != 0;) {
        result.out.append(bytes.data(), got);
    }
    result.status = pclose(pipe);
    return result;
}
/// Of damaged traces it may take all memory there is.
std::string babeltrace2(const std::string& path) {
    return "ulimit -v 4000000; timeout 60 babeltrace2 --clock-seconds " + path;
}

TEST(Format, Babeltrace2ListsEveryEventOfEveryChunk) {
    const TempDir dir;
    write_recording(small_chunks(dir.path()), scenes());
    const Shell listed = shell(babeltrace2(dir.path()));
    ASSERT_EQ(listed.status, 0) << listed.out.substr(0, 1000);
    EXPECT_EQ(listed.out.find("WARN"), std::string::npos) << listed.out.substr(0, 1000);
    // Those of keyframes are told with the kind of their packet.
    std::vector<std::string> kinds;
    std::size_t at = 0;
    const std::regex name(R"(\) (\w+): \{)");
    while (at < listed.out.size()) {
        const std::string line = listed.out.substr(at, listed.out.find('\n', at) - at);
        at += line.size() + 1;
        std::smatch match;
        if (line.find(R"(kind = ( "events")") != std::string::npos &&
            std::regex_search(line, match, name)) {
            kinds.push_back(match[1]);
        }
    }
    std::vector<std::string> expected;
    for (const EventBuffer& event : scenes()) {
        expected.emplace_back(kind_name(event.event()->kind()));
    }
    EXPECT_EQ(kinds, expected);
}

TEST(Format, Babeltrace2TellsHowManyWereLostWhere) {
    const TempDir dir;
    auto events = std::vector<EventBuffer>(scenes().begin(), scenes().begin() + 100);
    nst_gap gap{};
    gap.header = events.back().event()->header();
    gap.header.kind = NST_KIND_gap;
    gap.lost = 4711;
    gap.cause = NST_gap_cause_ring;
    events.push_back(EventBuffer::make(gap));
    write_recording(small_chunks(dir.path()), events,
                    [](Writer& writer, std::size_t i) { i == 50 ? writer.flush() : void(); });
    const Shell listed = shell(babeltrace2(dir.path()));
    ASSERT_EQ(listed.status, 0);
    EXPECT_NE(listed.out.find("Tracer discarded 4711 events"), std::string::npos)
        << listed.out.substr(0, 1000);
}

TEST(Format, MetadataTellsTheLayoutOfEveryKind) {
    nst_session session{};
    session.wall_offset_ns = 1'700'000'000'123'456'789;
    std::string_view("6.12 \"quoted\\\" \n").copy(session.release, sizeof(session.release) - 1);
    const Uuid uuid = *parse_uuid("4c4e7512-accc-4854-b4c6-c56373893297");
    const auto metadata = parse_metadata(metadata_text(session, uuid));
    ASSERT_TRUE(metadata) << metadata.error().line();
    EXPECT_EQ(metadata->kinds, own_layouts());
    EXPECT_EQ(metadata->uuid, uuid);
    EXPECT_EQ(metadata->wall_offset_ns, session.wall_offset_ns);
    EXPECT_EQ(metadata->release, "6.12 ?quoted?? ?");
}

TEST(Format, MetadataOfALaterFormatIsRefused) {
    std::string text = metadata_text(nst_session{}, Uuid{});
    const std::string now = "nstrail_format = 1;";
    ASSERT_NE(text.find(now), std::string::npos);
    text.replace(text.find(now), now.size(), "nstrail_format = 99;");
    const auto metadata = parse_metadata(text);
    ASSERT_FALSE(metadata);
    EXPECT_NE(metadata.error().line().find("use a newer nstrail"), std::string::npos);
}

TEST(Format, ImpossibleLayoutsAreRefused) {
    const std::string good = metadata_text(nst_session{}, Uuid{});
    const std::string line = "nstrail_layout_7 = \"free_pid ";
    const auto at = good.find(line) + line.size();
    const auto end = good.find('"', at);
    for (const char* layout : {"0 8 24", "15 0 0", "40 8 40", "40 8 4", "999999999 8 24", "40 7 24",
                               "40 8", "x y z", "", "40 99999 24"}) {
        std::string text = good;
        text.replace(at, end - at, layout);
        EXPECT_FALSE(parse_metadata(text)) << layout;
    }
}

/// Rewrites a recording as a version would have written it whose events of that kind had `fixed`
/// bytes of fixed part.
void rewrite(const std::string& path, Kind kind, std::uint32_t fixed) {
    for (const std::string& file : chunk_files(path)) {
        const std::string metadata = fs::path(file).parent_path() / "metadata";
        const KindLayout ours = own_layouts()[kind];
        std::string text = slurp(metadata);
        const std::regex layout(
            fmt::format(R"((nstrail_layout_{} = "\w+) \d+ )", static_cast<int>(kind)));
        spill(metadata, std::regex_replace(text, layout, fmt::format("$1 {} ", fixed)));
        std::string out;
        const std::string bytes = slurp(file);
        for (std::size_t at = 0; at < bytes.size();) {
            PacketHeader header;
            std::memcpy(&header, bytes.data() + at, sizeof(header));
            std::vector<std::uint64_t> room(packet_room / 8);
            auto* packet = reinterpret_cast<char*>(room.data());
            std::size_t used = sizeof(header);
            std::size_t from = at + sizeof(header);
            const std::size_t until = at + (header.content_size / 8);
            while (from < until) {
                std::vector<std::uint64_t> record((until - from) / 8);
                std::memcpy(record.data(), bytes.data() + from + 8, until - from - 8);
                const auto event = Event::decode(std::as_bytes(std::span(record)));
                const std::size_t size = event->bytes().size();
                std::memcpy(packet + used, bytes.data() + from, 8);
                used += 8;
                const auto* source = bytes.data() + from + 8;
                if (event->kind() == kind) {
                    const std::size_t kept = std::min<std::size_t>(fixed, ours.fixed);
                    std::memcpy(packet + used, source, kept);
                    std::memcpy(packet + used + fixed, source + ours.fixed, size - ours.fixed);
                    used += fixed + size - ours.fixed;
                } else {
                    std::memcpy(packet + used, source, size);
                    used += size;
                }
                from += 8 + size;
            }
            header.content_size = used * 8;
            std::memcpy(packet, &header, sizeof(header));
            const auto whole =
                finish_packet(reinterpret_cast<std::byte*>(packet), header.packet_seq_num);
            out.append(reinterpret_cast<const char*>(whole.data()), whole.size());
            at += header.packet_size / 8;
        }
        spill(file, out);
    }
}

TEST(Format, AnOlderVersionLackedFields) {
    const TempDir dir;
    write_recording(small_chunks(dir.path()), scenes());
    // Without ns_switch.references.
    rewrite(dir.path(), NST_KIND_ns_switch, sizeof(nst_ns_switch) - 8);
    const Read read = read_recording(dir.path());
    EXPECT_EQ(read.faults.damaged_places, 0U);
    auto expected = as_json(scenes());
    std::size_t changed = 0;
    const std::regex references(R"("references":\d+)");
    for (std::string& line : expected) {
        if (line.starts_with(R"({"kind":"ns_switch")")) {
            line = std::regex_replace(line, references, R"("references":null)");
            changed++;
        }
    }
    EXPECT_GT(changed, 10U);
    EXPECT_EQ(read.events, expected);
}

TEST(Format, ANewerVersionHasMoreFields) {
    // A kind with a tail behind its fixed part, and one without.
    for (const auto& [kind, fixed] : {std::pair(NST_KIND_task_new, sizeof(nst_task_new)),
                                      {NST_KIND_task_exit, sizeof(nst_task_exit)}}) {
        const TempDir dir;
        write_recording(small_chunks(dir.path()), scenes());
        rewrite(dir.path(), kind, static_cast<std::uint32_t>(fixed) + 24);
        const Read read = read_recording(dir.path());
        EXPECT_EQ(read.faults.damaged_places, 0U);
        EXPECT_EQ(read.events, as_json(scenes()));
    }
}

TEST(Format, KindsOfANewerVersionArePassedOver) {
    const TempDir dir;
    write_recording(small_chunks(dir.path()), scenes());
    std::size_t renamed = 0;
    for (const std::string& file : chunk_files(dir.path())) {
        const std::string metadata = fs::path(file).parent_path() / "metadata";
        std::string text = slurp(metadata);
        text = std::regex_replace(text, std::regex(R"(nstrail_layout_19 = "task_rename)"),
                                  "nstrail_layout_200 = \"task_later");
        spill(metadata, text);
        std::string bytes = slurp(file);
        for (std::size_t at = 0; at < bytes.size();) {
            auto* packet = reinterpret_cast<std::byte*>(bytes.data() + at);
            auto& header = *reinterpret_cast<PacketHeader*>(packet);
            for (std::size_t from = sizeof(header); from < header.content_size / 8;) {
                std::vector<std::uint64_t> record(((header.content_size / 8) - from) / 8);
                std::memcpy(record.data(), packet + from + 8, (header.content_size / 8) - from - 8);
                const auto event = Event::decode(std::as_bytes(std::span(record)));
                ASSERT_TRUE(event);
                if (event->kind() == NST_KIND_task_rename) {
                    const std::uint16_t later = 200;
                    std::memcpy(packet + from + 8, &later, sizeof(later));
                    renamed += header.kind == PacketKind::events ? 1 : 0;
                }
                from += 8 + event->bytes().size();
            }
            header.hash = packet_hash(header, packet);
            at += header.packet_size / 8;
        }
        spill(file, bytes);
    }
    ASSERT_GT(renamed, 0U);
    const Read read = read_recording(dir.path());
    EXPECT_EQ(read.events.size() + renamed, scenes().size());
    EXPECT_EQ(read.faults.unknown_events, renamed);
    EXPECT_EQ(read.faults.damaged_places, 0U);
    EXPECT_EQ(read.gaps, 0U);
}

TEST(Format, UuidsAndChunkNames) {
    EXPECT_TRUE(parse_uuid("4c4e7512-accc-4854-b4c6-c56373893297"));
    EXPECT_EQ(uuid_text(*parse_uuid("4c4e7512-accc-4854-b4c6-c56373893297")),
              "4c4e7512-accc-4854-b4c6-c56373893297");
    for (const char* wrong :
         {"", "4c4e7512", "4c4e7512accc4854b4c6c56373893297xxxx",
          "4c4e7512-accc-4854-b4c6-c5637389329", "zc4e7512-accc-4854-b4c6-c56373893297",
          "4c4e7512-accc-4854-b4c6-c563738932977"}) {
        EXPECT_FALSE(parse_uuid(wrong)) << wrong;
    }
    EXPECT_EQ(chunk_name(7), "chunk-00000007");
    EXPECT_EQ(chunk_number("chunk-00000007"), 7U);
    EXPECT_EQ(chunk_number("chunk-123456789"), 123456789U);
    for (const char* wrong : {"chunk-", "chunk-7", "chunk-0000000x", "chunk", "x-00000001"}) {
        EXPECT_EQ(chunk_number(wrong), 0U) << wrong;
    }
}

}  // namespace
}  // namespace nstrail::test

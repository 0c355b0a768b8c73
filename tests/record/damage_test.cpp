// SPDX-License-Identifier: Apache-2.0
// Every kind of damage: what is good is read, what is missing is told with place and count, and
// nothing else happens.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>
#include <span>

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "record/format.hpp"
#include "record/metadata.hpp"
#include "record/recordings.hpp"

namespace nstrail::test {
namespace {

namespace fs = std::filesystem;

/// A recording of many packets, and what it holds.
class Damaged : public testing::Test {
protected:
    void SetUp() override {
        WriterOptions options = small_chunks(dir_.path());
        write_recording(options, scenes(), [](Writer& writer, std::size_t i) {
            if (i % 20 == 0) {
                writer.flush();
            }
        });
        files_ = chunk_files(dir_.path());
        ASSERT_GT(files_.size(), 3U);
    }

    /// The headers of a file's packets with their offsets.
    [[nodiscard]] static std::vector<std::pair<std::uint64_t, PacketHeader>> packets(
        const std::string& bytes) {
        std::vector<std::pair<std::uint64_t, PacketHeader>> all;
        for (std::uint64_t at = 0; at + sizeof(PacketHeader) <= bytes.size();) {
            PacketHeader header;
            std::memcpy(&header, bytes.data() + at, sizeof(header));
            all.emplace_back(at, header);
            at += header.packet_size / 8;
        }
        return all;
    }
    /// The nth packet of events (not of a keyframe) of a file.
    [[nodiscard]] static std::pair<std::uint64_t, PacketHeader> events_packet(
        const std::string& bytes, std::size_t nth) {
        for (const auto& one : packets(bytes)) {
            if (one.second.kind == PacketKind::events && nth-- == 0) {
                return one;
            }
        }
        return {};
    }
    /// Changes the header of the nth packet of events of the second chunk. Returns how many events
    /// it held.
    template <class F>
    std::uint32_t change_header(F&& f) {
        std::string bytes = slurp(files_[1]);
        auto [at, header] = events_packet(bytes, 1);
        const std::uint32_t events = header.events;
        f(header);
        std::memcpy(bytes.data() + at, &header, sizeof(header));
        spill(files_[1], bytes);
        return events;
    }

    /// What is left comes in order, and with what is told as missing it is all there was.
    Read expect_rest(std::uint64_t missing, std::size_t places) {
        Read read = read_recording(dir_.path());
        const auto all = as_json(scenes());
        std::size_t at = 0;
        std::size_t found = 0;
        for (const std::string& event : read.events) {
            const auto next =
                std::find(all.begin() + static_cast<std::ptrdiff_t>(at), all.end(), event);
            if (next == all.end()) {
                continue;  // of a keyframe that made up for what is missing
            }
            at = static_cast<std::size_t>(next - all.begin()) + 1;
            found++;
        }
        EXPECT_EQ(read.missing, missing);
        EXPECT_EQ(found + missing, all.size());
        EXPECT_EQ(read.faults.damaged_places, places);
        return read;
    }

    TempDir dir_;
    std::vector<std::string> files_;
};

TEST_F(Damaged, AFlippedBitIsSeenAndCostsItsPacket) {
    std::string bytes = slurp(files_[1]);
    const auto [at, header] = events_packet(bytes, 1);
    bytes[at + sizeof(PacketHeader) + 57] ^= 4;
    spill(files_[1], bytes);
    const Read read = expect_rest(header.events, 1);
    ASSERT_EQ(read.faults.damage.size(), 1U);
    EXPECT_EQ(read.faults.damage[0].file, files_[1]);
    EXPECT_EQ(read.faults.damage[0].offset, at);
    EXPECT_EQ(read.faults.damage[0].bytes, header.packet_size / 8);
    EXPECT_EQ(read.faults.damage[0].why, "the packet's bytes are not those that were written");
}

TEST_F(Damaged, APacketOfZeroes) {
    std::string bytes = slurp(files_[1]);
    const auto [at, header] = events_packet(bytes, 1);
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), header.packet_size / 8, '\0');
    spill(files_[1], bytes);
    expect_rest(header.events, 1);
}

TEST_F(Damaged, APacketSizeOfZeroIsNoEndlessLoop) {
    expect_rest(change_header([](PacketHeader& header) { header.packet_size = 0; }), 1);
}

TEST_F(Damaged, ContentLargerThanItsPacket) {
    expect_rest(
        change_header([](PacketHeader& header) { header.content_size = header.packet_size + 64; }),
        1);
}

TEST_F(Damaged, APacketLargerThanThereIs) {
    expect_rest(change_header([](PacketHeader& header) { header.packet_size = ~0ULL - 63; }), 1);
}

TEST_F(Damaged, ContentSmallerThanItWas) {
    expect_rest(
        change_header([](PacketHeader& header) { header.content_size = sizeof(PacketHeader) * 8; }),
        1);
}

TEST_F(Damaged, ACorruptMagicNumber) {
    expect_rest(change_header([](PacketHeader& header) { header.magic = 0; }), 1);
}

TEST_F(Damaged, APacketOfAnotherBoot) {
    expect_rest(change_header([](PacketHeader& header) { header.uuid[3] ^= 1; }), 1);
}

TEST_F(Damaged, ARecordThatDoesNotFitItsPacketCostsTheRestOfIt) {
    std::string bytes = slurp(files_[1]);
    auto [at, header] = events_packet(bytes, 1);
    std::vector<std::uint64_t> packet(header.content_size / 64);
    std::memcpy(packet.data(), bytes.data() + at, header.content_size / 8);
    // The fifth is of a kind that there is not, and the hash is right all the same.
    std::size_t record = sizeof(PacketHeader) + record_prefix;
    for (int i = 0; i < 4; i++) {
        const auto event = Event::decode(std::as_bytes(std::span(packet)).subspan(record));
        ASSERT_TRUE(event);
        record += event->bytes().size() + record_prefix;
    }
    ASSERT_LT(record, header.content_size / 8);
    const std::uint16_t kind = 255;
    std::memcpy(reinterpret_cast<std::byte*>(packet.data()) + record, &kind, sizeof(kind));
    header.hash = packet_hash(header, reinterpret_cast<const std::byte*>(packet.data()));
    std::memcpy(packet.data(), &header, sizeof(header));
    std::memcpy(bytes.data() + at, packet.data(), header.content_size / 8);
    spill(files_[1], bytes);
    expect_rest(header.events - 4, 1);
}

TEST_F(Damaged, AFileThatIsCutOff) {
    std::string bytes = slurp(files_[1]);
    const auto all = packets(bytes);
    const auto [at, header] = all.back();
    spill(files_[1], bytes.substr(0, at + 100));
    expect_rest(header.events, 1);
}

TEST_F(Damaged, AChunkMissingBetweenTwoSessionsLeavesDoubt) {
    // The second may go on with the first one: then what is missing shows nowhere else.
    write_recording(small_chunks(dir_.path()), scenes());
    const auto both = chunk_files(dir_.path());
    ASSERT_GT(both.size(), files_.size());
    EXPECT_EQ(read_recording(dir_.path()).gaps, 0U);
    fs::remove_all(fs::path(files_.back()).parent_path());
    const Read read = read_recording(dir_.path());
    EXPECT_LT(read.events.size(), 2 * scenes().size());
    EXPECT_EQ(read.gaps, 1U);
}

TEST_F(Damaged, AnEndThatIsCutOffLeavesDoubt) {
    std::string bytes = slurp(files_.back());
    const auto [at, header] = packets(bytes).back();
    spill(files_.back(), bytes.substr(0, at + (header.packet_size / 16)));
    const Read read = read_recording(dir_.path());
    EXPECT_EQ(read.events.size() + header.events, scenes().size());
    EXPECT_EQ(read.gaps, 1U);  // of how many events nobody knows any more
    EXPECT_EQ(read.faults.damaged_places, 1U);
}

TEST_F(Damaged, AChunkThatIsMissing) {
    std::uint64_t missing = 0;
    for (const auto& [at, header] : packets(slurp(files_[1]))) {
        missing += header.kind == PacketKind::events ? header.events : 0;
    }
    fs::remove_all(fs::path(files_[1]).parent_path());
    const Read read = expect_rest(missing, 0);
    EXPECT_EQ(read.gaps, 1U);
}

TEST_F(Damaged, AChunkWithoutItsMetadata) {
    std::uint64_t missing = 0;
    for (const auto& [at, header] : packets(slurp(files_[1]))) {
        missing += header.kind == PacketKind::events ? header.events : 0;
    }
    fs::remove(fs::path(files_[1]).parent_path() / "metadata");
    expect_rest(missing, 1);
}

TEST_F(Damaged, AKeyframeThatNobodyNeedsMayBeDamaged) {
    std::string bytes = slurp(files_[1]);
    bytes[sizeof(PacketHeader) + 5] ^= 1;
    spill(files_[1], bytes);
    const Read read = expect_rest(0, 1);
    EXPECT_EQ(read.gaps, 0U);
}

TEST_F(Damaged, TheNextKeyframeMakesUpForWhatIsMissing) {
    std::string bytes = slurp(files_[1]);
    const auto [at, header] = events_packet(bytes, 1);
    bytes[at + sizeof(PacketHeader) + 57] ^= 4;
    spill(files_[1], bytes);
    World world;
    auto source = RecordingSource::open(dir_.path());
    bool doubted = false;
    while (!(*source)->ended()) {
        ASSERT_TRUE((*source)->poll(
            [&](const Event& event) { doubted = world.apply(event).became_uncertain || doubted; }));
    }
    EXPECT_TRUE(doubted);
    EXPECT_TRUE(world.certain());
}

TEST_F(Damaged, ChunksOfTwoBootsAreRefused) {
    std::string metadata = slurp(fs::path(files_[1]).parent_path() / "metadata");
    const auto at = metadata.find("uuid = \"") + 8;
    metadata[at] = metadata[at] == '0' ? '1' : '0';
    spill(fs::path(files_[1]).parent_path() / "metadata", metadata);
    const auto source = RecordingSource::open(dir_.path());
    ASSERT_FALSE(source);
    EXPECT_NE(source.error().line().find("it holds chunks of two boots: chunk-00000002 is of"),
              std::string::npos)
        << source.error().line();
}

TEST_F(Damaged, TwoBootsInOneDirectoryAreNamed) {
    fs::copy(boot_folder(dir_.path()), dir_.path() + "/boot-00000000-0000-4000-8000-000000000000",
             fs::copy_options::recursive);
    const auto source = RecordingSource::open(dir_.path());
    ASSERT_FALSE(source);
    EXPECT_NE(source.error().line().find("it holds 2 boots: "), std::string::npos)
        << source.error().line();
}

TEST_F(Damaged, ACompressedChunkToo) {
    const TempDir packed;
    WriterOptions options = small_chunks(packed.path());
    options.store.compress = true;
    write_recording(options, scenes());
    const auto files = chunk_files(packed.path());
    std::string bytes = slurp(files[1]);
    bytes[bytes.size() / 2] ^= 16;
    spill(files[1], bytes);
    const Read read = read_recording(packed.path());
    EXPECT_EQ(read.faults.damaged_places, 1U);
    EXPECT_GT(read.missing, 0U);
    EXPECT_GT(read.events.size(), scenes().size() / 2);
}

TEST_F(Damaged, AnythingAnywhereIsReadToItsEnd) {
    std::mt19937_64 random(20261122);
    std::vector<std::string> whole;
    for (const std::string& file : files_) {
        whole.push_back(slurp(file));
    }
    const std::size_t all = scenes().size();
    for (int round = 0; round < 300; round++) {
        const std::size_t which = random() % files_.size();
        std::string bytes = whole[which];
        switch (random() % 5) {
            case 0:
                for (int flips = 0; flips < 3; flips++) {
                    bytes[random() % bytes.size()] ^= static_cast<char>(1U << (random() % 8));
                }
                break;
            case 1:
                bytes.resize(random() % bytes.size());
                break;
            case 2: {
                const std::size_t from = random() % bytes.size();
                const std::size_t size = std::min(bytes.size() - from, random() % 20000);
                bytes.replace(from, size, size, '\0');
                break;
            }
            case 3:
                bytes.insert(random() % bytes.size(), std::string(random() % 10000, 'x'));
                break;
            default:
                bytes.erase(random() % bytes.size(), random() % 10000);
                break;
        }
        spill(files_[which], bytes);
        World world;
        auto source = RecordingSource::open(dir_.path());
        ASSERT_TRUE(source);
        std::size_t told = 0;
        std::size_t polls = 0;
        while (!(*source)->ended()) {
            ASSERT_TRUE((*source)->poll([&](const Event& event) {
                world.apply(event);
                told++;
            }));
            ASSERT_LT(++polls, 10'000U);
        }
        EXPECT_LT(told, all * 3);
        spill(files_[which], whole[which]);
    }
}

TEST(Recordings, WhatIsNoneIsSaid) {
    const TempDir dir;
    const auto expect = [](const std::string& path, const std::string& why) {
        const auto source = RecordingSource::open(path);
        ASSERT_FALSE(source);
        EXPECT_NE(source.error().line().find(why), std::string::npos) << source.error().line();
    };
    expect(dir.path(), "it is not a recording");
    expect(dir.path() + "/nowhere", "No such file");
    fs::create_directory(dir.path() + "/boot-4c4e7512-accc-4854-b4c6-c56373893297");
    expect(dir.path(), "nothing was recorded yet");
    fs::create_directory(dir.path() + "/boot-4c4e7512-accc-4854-b4c6-c56373893297/chunk-00000001");
    expect(dir.path(), "No such file");
    const std::string metadata =
        dir.path() + "/boot-4c4e7512-accc-4854-b4c6-c56373893297/chunk-00000001/metadata";
    spill(metadata, "not this");
    expect(dir.path(), "it is not CTF 1.8");
    spill(metadata, "/* CTF 1.8 */\ntrace { major = 1; };\n");
    expect(dir.path(), "nstrail did not write it");
}

TEST(Recordings, ACommandThatCannotWriteSaysWhy) {
    const TempDir dir;
    spill(dir.path() + "/file", "x");
    const auto& session = scenes().front().event()->as<nst_session>();
    const auto writer = Writer::open(small_chunks(dir.path() + "/file"), session);
    ASSERT_FALSE(writer);
    EXPECT_NE(writer.error().line().find("Not a directory"), std::string::npos)
        << writer.error().line();
}

TEST(Recordings, RemovedWhileItIsWrittenIsSaidAndRecordedAnew) {
    const TempDir dir;
    WriterFigures figures;
    write_recording(small_chunks(dir.path()), scenes(), [&](Writer& writer, std::size_t i) {
        if (i == 500) {
            writer.flush();
            fs::remove_all(boot_folder(dir.path()));
        } else if (i == 700) {
            writer.flush();
            figures = writer.figures();
        }
    });
    EXPECT_GT(figures.lost, 0U);
    EXPECT_NE(figures.fault.find("it was removed"), std::string::npos) << figures.fault;
}

/// A file system of that size; none where mounting is not allowed.
class SmallDisk {
public:
    explicit SmallDisk(const std::string& size) {
        made_ = mount("none", dir_.path().c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (made_) {
            umount2(dir_.path().c_str(), MNT_DETACH);
        }
    }
    [[nodiscard]] bool made() const { return made_; }
    [[nodiscard]] const std::string& path() const { return dir_.path(); }

private:
    TempDir dir_;
    bool made_;
};

TEST(Recordings, AFullDiskDropsTheOldest) {
    const SmallDisk disk("300k");
    if (!disk.made()) {
        GTEST_SKIP() << "mounting is not allowed here";
    }
    WriterFigures figures;
    write_recording(small_chunks(disk.path()), scenes(), [&](Writer& writer, std::size_t i) {
        if (i + 1 == scenes().size()) {
            writer.flush();
            figures = writer.figures();
        }
    });
    EXPECT_EQ(figures.fault, "");
    EXPECT_EQ(figures.lost, 0U);
    EXPECT_GT(figures.chunks_dropped, 0U);
    const Read read = read_recording(disk.path());
    EXPECT_EQ(read.faults.damaged_places, 0U);
    EXPECT_EQ(read.events.back(), as_json(scenes()).back());
}

TEST(Recordings, AFullDiskEndsItWhereThatIsAskedFor) {
    const SmallDisk disk("300k");
    if (!disk.made()) {
        GTEST_SKIP() << "mounting is not allowed here";
    }
    WriterOptions options = small_chunks(disk.path());
    options.store.stop_when_full = true;
    WriterFigures figures;
    write_recording(options, scenes(), [&](Writer& writer, std::size_t i) {
        if (i + 1 == scenes().size()) {
            writer.flush();
            figures = writer.figures();
        }
    });
    EXPECT_NE(figures.fault.find("No space left on device"), std::string::npos) << figures.fault;
    EXPECT_GT(figures.lost, 0U);
    // What was recorded stays readable, also when the memory that held the rest has gone; where
    // something is missing, that is told.
    forget_memory(boot_folder(disk.path()));
    const Read read = read_recording(disk.path());
    EXPECT_EQ(read.faults.damaged_places, 0U);
    const auto all = as_json(scenes());
    ASSERT_LT(read.events.size(), all.size());
    const auto same = std::ranges::mismatch(read.events, all);
    EXPECT_GT(same.in1 - read.events.begin(), 100);
    EXPECT_EQ(same.in1 == read.events.end(), read.gaps == 0);
}

}  // namespace
}  // namespace nstrail::test

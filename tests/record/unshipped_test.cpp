// SPDX-License-Identifier: Apache-2.0
// What of a recording is to be shipped, and under which names.
#include "record/unshipped.hpp"

#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "record/recordings.hpp"
#include "record/shipment.hpp"
#include "record/stream_url.hpp"

namespace nstrail::test {
namespace {

/// The numbers of the packets that are there.
std::vector<std::uint64_t> numbers(UnshippedPackets& packets) {
    std::vector<std::uint64_t> all;
    while (const auto packet = packets.next()) {
        all.push_back(packet->header.packet_seq_num);
    }
    return all;
}

/// Packets of a few KiB, in several chunks.
void write_small(const std::string& path) {
    write_recording(small_chunks(path), scenes(), [](Writer& writer, std::size_t i) {
        if (i % 100 == 0) {
            writer.flush();
        }
    });
}

TEST(Unshipped, EveryPacketInOrderThenFromTheMarkOn) {
    const TempDir dir;
    write_small(dir.path());
    const std::string boot = boot_folder(dir.path());
    UnshippedPackets first(boot, uuid_of(boot));
    std::vector<std::uint64_t> all;
    PacketHeader tenth;
    while (const auto packet = first.next()) {
        EXPECT_EQ(packet->header.packet_seq_num, all.size());
        EXPECT_NE(first.metadata().find("nstrail_format"), std::string::npos);
        all.push_back(packet->header.packet_seq_num);
        if (all.size() == 10) {
            tenth = packet->header;
        }
    }
    ASSERT_GT(all.size(), 20U);
    EXPECT_EQ(first.lost(), 0U);

    first.acknowledge(tenth);
    ASSERT_TRUE(first.keep_mark(false));
    UnshippedPackets second(boot, uuid_of(boot));
    EXPECT_EQ(numbers(second), std::vector<std::uint64_t>(all.begin() + 10, all.end()));
    EXPECT_EQ(second.lost(), 0U);
    EXPECT_EQ(second.waiting_bytes(), 0U);

    // A mark that says that all is done.
    ASSERT_TRUE(second.keep_mark(true));
    EXPECT_EQ(ShipMark::read(boot)->chunk, ShipMark::all_chunks);
    UnshippedPackets third(boot, uuid_of(boot));
    EXPECT_TRUE(numbers(third).empty());
}

TEST(Unshipped, WhatIsPutBackComesAgain) {
    const TempDir dir;
    write_small(dir.path());
    const std::string boot = boot_folder(dir.path());
    UnshippedPackets packets(boot, uuid_of(boot));
    std::size_t count = 0;
    while (const auto packet = packets.next()) {
        const PacketHeader header = packet->header;
        packets.put_back(*packet);
        const auto again = packets.next();
        ASSERT_TRUE(again);
        EXPECT_EQ(again->header.hash, header.hash);
        count++;
    }
    EXPECT_GT(count, 20U);
    EXPECT_EQ(packets.lost(), 0U);
}

TEST(Unshipped, FollowsARecorderAtWork) {
    const TempDir dir;
    std::optional<UnshippedPackets> packets;
    std::uint64_t next = 0;
    const auto follow = [&] {
        for (const std::uint64_t number : numbers(*packets)) {
            EXPECT_EQ(number, next++);
        }
    };
    WriterOptions options = small_chunks(dir.path());
    options.store.compress = true;
    write_recording(options, scenes(), [&](Writer& writer, std::size_t i) {
        if (i % 100 == 0) {
            writer.flush();
            if (!packets) {
                const std::string boot = boot_folder(dir.path());
                packets.emplace(boot, uuid_of(boot));
            }
            follow();
        }
    });
    follow();
    EXPECT_EQ(packets->lost(), 0U);
    const std::string boot = boot_folder(dir.path());
    UnshippedPackets whole(boot, uuid_of(boot));
    EXPECT_EQ(numbers(whole).size(), next);
}

TEST(Unshipped, HalfAPacketIsWaitedFor) {
    const TempDir dir;
    write_small(dir.path());
    const std::string boot = boot_folder(dir.path());
    const std::string file = chunk_files(dir.path()).back();
    const std::string bytes = slurp(file);
    UnshippedPackets all(boot, uuid_of(boot));
    const std::size_t count = numbers(all).size();
    spill(file, bytes.substr(0, bytes.size() - 1000));
    UnshippedPackets packets(boot, uuid_of(boot));
    EXPECT_EQ(numbers(packets).size(), count - 1);
    EXPECT_TRUE(numbers(packets).empty());
    spill(file, bytes);
    EXPECT_EQ(numbers(packets).size(), 1U);
    EXPECT_EQ(packets.lost(), 0U);
}

TEST(Unshipped, WhatWasDroppedBeforeItWasShippedIsCounted) {
    const TempDir dir;
    write_small(dir.path());
    const std::string boot = boot_folder(dir.path());
    ASSERT_GT(chunk_files(dir.path()).size(), 3U);
    UnshippedPackets packets(boot, uuid_of(boot));
    const auto first = packets.next();
    packets.acknowledge(first->header);
    ASSERT_TRUE(packets.keep_mark(false));
    std::filesystem::remove_all(boot + "/chunk-00000001");
    std::filesystem::remove_all(boot + "/chunk-00000002");
    UnshippedPackets after(boot, uuid_of(boot));
    const auto left = numbers(after);
    EXPECT_EQ(after.lost(), left.front() - 1);

    // Who never shipped from there lost nothing.
    std::filesystem::remove(boot + "/shipped");
    UnshippedPackets fresh(boot, uuid_of(boot));
    EXPECT_EQ(numbers(fresh), left);
    EXPECT_EQ(fresh.lost(), 0U);
}

TEST(Unshipped, AgeDropsOnlyWhatIsAcknowledged) {
    for (const bool keep : {true, false}) {
        const TempDir dir;
        write_small(dir.path());
        const auto before = chunk_files(dir.path());
        WriterOptions options = small_chunks(dir.path());
        options.store.max_age = std::chrono::nanoseconds(1);
        options.store.keep_unshipped = keep;
        write_recording(options, {scenes().begin(), scenes().begin() + 10});
        EXPECT_EQ(chunk_files(dir.path()).size(), keep ? before.size() + 1 : 1) << keep;
    }
}

TEST(Unshipped, AMarkThatIsNoneIsNone) {
    const TempDir dir;
    for (const char* text : {"", "1", "1 2", "1 2\n3", "x 2\n", "99999999999 2\n"}) {
        spill(dir.path() + "/shipped", text);
        EXPECT_FALSE(ShipMark::read(dir.path())) << text;
    }
    const ShipMark mark{.chunk = 7, .next_packet = 1234567890123};
    ASSERT_TRUE(mark.write(dir.path()));
    EXPECT_EQ(ShipMark::read(dir.path())->chunk, 7U);
    EXPECT_EQ(ShipMark::read(dir.path())->next_packet, 1234567890123U);
    EXPECT_FALSE(mark.write(dir.path() + "/nowhere"));
}

TEST(ShipName, IsReadBackFromItsSubjects) {
    ShipName name{.cluster = "eu west", .host = "web-1.example.com"};
    name.boot = *parse_uuid("010eef66-ed47-462e-b860-ee0a89f64fb2");
    EXPECT_EQ(name.packets_subject(),
              "nstrail.v1.eu%20west.web-1%2Eexample%2Ecom.010eef66-ed47-462e-b860-ee0a89f64fb2");
    for (const std::string& subject : {name.packets_subject(), name.chunks_subject()}) {
        const auto read = ShipName::parse(subject);
        ASSERT_TRUE(read) << subject;
        EXPECT_EQ(read->cluster, name.cluster);
        EXPECT_EQ(read->host, name.host);
        EXPECT_EQ(read->boot, name.boot);
    }
    EXPECT_EQ(chunks_filter("web-1.example.com", ""), "nstrail.v1.*.web-1%2Eexample%2Ecom.*.chunk");
    for (const char* other :
         {"", "nstrail.v1.", "nstrail.v1.a", "nstrail.v1.a.b", "nstrail.v1.a.b.c",
          "nstrail.v2.a.b.010eef66-ed47-462e-b860-ee0a89f64fb2",
          // Names that are written otherwise would not be found under their own.
          "nstrail.v1.a.b%2e.010eef66-ed47-462e-b860-ee0a89f64fb2",
          "nstrail.v1.a.b%.010eef66-ed47-462e-b860-ee0a89f64fb2",
          "nstrail.v1.a.b@c.010eef66-ed47-462e-b860-ee0a89f64fb2"}) {
        EXPECT_FALSE(ShipName::parse(other)) << other;
    }
}

TEST(StreamUrl, IsTakenApart) {
    const auto url = StreamUrl::parse(
        "nats://a:4222,me:secret@b.example:4223/NSTRAIL?host=web%201&creds=/etc/x%26y&boot=B");
    ASSERT_TRUE(url) << url.error().line();
    EXPECT_EQ(url->servers,
              (std::vector<std::string>{"nats://a:4222", "nats://me:secret@b.example:4223"}));
    EXPECT_EQ(url->stream, "NSTRAIL");
    EXPECT_EQ(url->host, "web 1");
    EXPECT_EQ(url->boot, "B");
    EXPECT_EQ(url->credentials, "/etc/x&y");
    EXPECT_EQ(url->text(), "nats://a:4222,b.example:4223/NSTRAIL");

    const auto named = StreamUrl::parse(with_query("nats://a:1/S", "host", "x&y=%z é"));
    ASSERT_TRUE(named) << named.error().line();
    EXPECT_EQ(named->host, "x&y=%z é");
    EXPECT_TRUE(StreamUrl::parse("tls://a:1"));
}

TEST(StreamUrl, RefusesWhatItDoesNotUnderstand) {
    for (const char* text :
         {"", "nats:/a:1", "http://a:1", "nats://", "nats://a", "nats://:1", "nats://a:0",
          "nats://a:65536", "nats://a:1,", "nats://a:1/S.T", "nats://a:1/S/T", "nats://a:1/S?x=1",
          "nats://a:1/S?host", "nats://a:1/S?host=%zz", "nats://a:1/S?host=%0", "nats://a:1?cert=x",
          "nats://a:1/S?host=a%00b"}) {
        EXPECT_FALSE(StreamUrl::parse(text)) << text;
    }
    const auto secret = StreamUrl::parse("nats://me:secret@a:1/S?x=1");
    EXPECT_EQ(secret.error().line().find("secret"), std::string::npos);
    EXPECT_FALSE(StreamUrl::looks_like("/some/where"));
}

}  // namespace
}  // namespace nstrail::test

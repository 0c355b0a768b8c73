// SPDX-License-Identifier: Apache-2.0
// What was written comes back: whole, in part, from any keyframe, and after whatever killed the
// writer.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "event/format.hpp"
#include "model/keyframe.hpp"
#include "record/chunk.hpp"
#include "record/recordings.hpp"
#include "record/shelf.hpp"
#include "rules/checker.hpp"
#include "support/summary.hpp"

namespace nstrail::test {
namespace {

namespace fs = std::filesystem;

TEST(Recording, GivesBackWhatWasWritten) {
    const TempDir dir;
    write_recording(small_chunks(dir.path()), scenes());
    EXPECT_GT(chunk_files(dir.path()).size(), 3U);
    const Read read = read_recording(dir.path());
    EXPECT_EQ(read.events, as_json(scenes()));
    EXPECT_EQ(read.faults.damaged_places, 0U);
    EXPECT_EQ(read.gaps, 0U);
    // By the folder of the boot as well; and nothing is left in shared memory.
    EXPECT_EQ(read_recording(boot_folder(dir.path())).events.size(), scenes().size());
    EXPECT_FALSE(fs::exists(boot_folder(dir.path()) + "/open"));
}

TEST(Recording, CompressesWhatIsFullAndGivesItBack) {
    const TempDir plain;
    const TempDir packed;
    write_recording(small_chunks(plain.path()), scenes());
    WriterOptions options = small_chunks(packed.path());
    options.store.compress = true;
    write_recording(options, scenes());
    EXPECT_EQ(read_recording(packed.path()).events, as_json(scenes()));
    const auto before = chunk_files(plain.path());
    const auto after = chunk_files(packed.path());
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t i = 0; i < after.size(); i++) {
        ASSERT_TRUE(after[i].ends_with("events.zst")) << after[i];
        EXPECT_LT(fs::file_size(after[i]) * 2, fs::file_size(before[i]));
        // The tool that everybody has gives the same bytes.
        const std::string out = packed.path() + "/out";
        ASSERT_EQ(std::system(("zstd -q -d -f -o " + out + " " + after[i]).c_str()), 0);
        EXPECT_EQ(slurp(out), slurp(before[i]));
        fs::remove(out);
    }
}

/// Applies events until one that is recorded after `until` would come.
std::unique_ptr<World> state_at(const std::string& path, std::uint64_t until, bool by_keyframe,
                                std::size_t* events = nullptr) {
    auto world = std::make_unique<World>();
    auto source = RecordingSource::open(path);
    EXPECT_TRUE(source);
    if (by_keyframe) {
        (*source)->start_at(until);
    }
    (*source)->end_at(until);
    while (!(*source)->ended()) {
        const auto polled = (*source)->poll([&](const Event& event) {
            world->apply(event);
            if (events != nullptr) {
                ++*events;
            }
        });
        EXPECT_TRUE(polled);
    }
    return world;
}

nlohmann::json state_of(const World& world) {
    nlohmann::json state = summarize(world.view());
    state.erase("account");  // counts begin anew at a keyframe
    state["since"] = world.session().header.boot_ns;
    return state;
}

TEST(Recording, AKeyframeLeadsToTheSameStateAsTheWholeStream) {
    const TempDir dir;
    WriterOptions options = small_chunks(dir.path());
    options.chunk_bytes = 20000;
    write_recording(options, scenes());
    ASSERT_GT(chunk_files(dir.path()).size(), 10U);
    auto source = RecordingSource::open(dir.path());
    const std::uint64_t first = (*source)->first_ns();
    while (!(*source)->ended()) {
        ASSERT_TRUE((*source)->poll([](const Event&) {}));
    }
    const std::uint64_t last = (*source)->recorded_ns();
    std::size_t fewer = 0;
    for (std::uint64_t step = 20; step <= 60; step++) {
        const std::uint64_t until = first + ((last - first) * step / 60);
        std::size_t all = 0;
        std::size_t some = 0;
        const auto whole = state_at(dir.path(), until, false, &all);
        const auto quick = state_at(dir.path(), until, true, &some);
        EXPECT_EQ(state_of(*whole), state_of(*quick)) << "at step " << step;
        fewer += some < all ? 1 : 0;
        if (HasFailure()) {
            break;
        }
    }
    EXPECT_GT(fewer, 5U);
}

TEST(Recording, AKeyframeOfEveryMomentTellsThatMoment) {
    World world;
    std::size_t compared = 0;
    for (std::size_t i = 0; i < scenes().size(); i++) {
        world.apply(*scenes()[i].event());
        if (i % 7 != 0 || !world.synchronized() || world.in_round()) {
            continue;
        }
        World other;
        tell_keyframe(world.view(), [&](const EventBuffer& event) { other.apply(*event.event()); });
        ASSERT_EQ(state_of(world), state_of(other)) << "after event " << i;
        compared++;
    }
    EXPECT_GT(compared, 100U);
}

TEST(Recording, KeepsNoMoreThanItShouldAndBeginsWithAKeyframeThen) {
    const TempDir dir;
    WriterOptions options = small_chunks(dir.path());
    options.store.max_bytes = 300'000;
    WriterFigures figures;
    write_recording(options, scenes(), [&](Writer& writer, std::size_t i) {
        if (i + 1 == scenes().size()) {
            writer.flush();
            figures = writer.figures();
        }
    });
    EXPECT_GT(figures.chunks_dropped, 0U);
    EXPECT_LE(figures.bytes, options.store.max_bytes + packet_room);
    World world;
    World whole;
    for (const EventBuffer& event : scenes()) {
        whole.apply(*event.event());
    }
    auto source = RecordingSource::open(dir.path());
    std::size_t events = 0;
    while (!(*source)->ended()) {
        ASSERT_TRUE((*source)->poll([&](const Event& event) {
            world.apply(event);
            events++;
        }));
    }
    EXPECT_LT(events, scenes().size());
    EXPECT_TRUE(world.certain());
    EXPECT_EQ(state_of(world), state_of(whole));
}

std::uint64_t span_ns() {
    return scenes().back().event()->boot_ns() - scenes().front().event()->boot_ns();
}

std::uint64_t first_ns(const ShelvedChunk& chunk) {
    auto reader = ChunkReader::open(chunk, uuid_of(fs::path(chunk.path).parent_path()));
    return reader->next([](const Damage&) {})->header.timestamp_begin;
}

TEST(Recording, KeepsNothingOlderThanItShould) {
    const TempDir dir;
    WriterOptions options = small_chunks(dir.path());
    options.chunk_bytes = std::uint64_t{16} << 10;
    options.store.max_age = std::chrono::nanoseconds(span_ns() / 2);
    write_recording(options, scenes(), [](Writer& writer, std::size_t i) {
        if (i % 100 == 0) {
            writer.flush();
        }
    });
    const std::uint64_t oldest = scenes().back().event()->boot_ns() - (span_ns() / 2);
    const auto boot = list_boot(boot_folder(dir.path()));
    ASSERT_GT(boot->chunks.size(), 2U);
    EXPECT_GT(boot->chunks.front().number, 1U);
    EXPECT_LE(first_ns(boot->chunks[0]), oldest);
    EXPECT_GT(first_ns(boot->chunks[1]), oldest);
    const Read read = read_recording(dir.path());
    EXPECT_EQ(read.faults.damaged_places, 0U);
    EXPECT_EQ(read.events.back(), as_json(scenes()).back());
}

TEST(Recording, BeginsAChunkEveryTenthOfTheAgeThatItKeeps) {
    const TempDir dir;
    WriterOptions options = small_chunks(dir.path());
    options.chunk_bytes = std::uint64_t{1} << 30;
    options.store.max_age = std::chrono::milliseconds(100);
    write_recording(options, scenes(), [](Writer&, std::size_t i) {
        if (i > 1000 && i % 100 == 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(25));
        }
    });
    EXPECT_GT(list_boot(boot_folder(dir.path()))->chunks.back().number, 3U);
}

TEST(Recording, AClockThatIsSetMakesNothingOld) {
    const TempDir dir;
    write_recording(small_chunks(dir.path()), scenes());
    const auto before = chunk_files(dir.path());
    for (const std::string& file : before) {
        std::filesystem::last_write_time(
            file, std::filesystem::file_time_type::clock::now() - std::chrono::years(10));
    }
    WriterOptions options = small_chunks(dir.path());
    options.store.max_age = std::chrono::hours(1);
    write_recording(options, scenes());
    EXPECT_GT(chunk_files(dir.path()).size(), before.size());
    EXPECT_EQ(list_boot(boot_folder(dir.path()))->chunks.front().number, 1U);
}

TEST(Recording, AnotherBootIsAsOldAsTheCalendarSays) {
    std::vector<EventBuffer> later = scenes();
    auto& session = *reinterpret_cast<nst_session*>(later.front().bytes().data());
    session.boot_id[0] = session.boot_id[0] == '0' ? '1' : '0';
    const std::chrono::nanoseconds now(scenes().back().event()->boot_ns() + session.wall_offset_ns);
    for (const auto& [age, boots] :
         {std::pair(std::chrono::minutes(50), 2U), std::pair(std::chrono::minutes(70), 1U)}) {
        const TempDir dir;
        write_recording(small_chunks(dir.path()), scenes());
        for (const std::string& file : chunk_files(dir.path())) {
            std::filesystem::last_write_time(
                file, std::chrono::file_clock::from_sys(std::chrono::sys_time(now - age)));
        }
        WriterOptions options = small_chunks(dir.path());
        options.store.max_age = std::chrono::hours(1);
        write_recording(options, later);
        EXPECT_EQ(list_boots(dir.path())->size(), boots) << age;
    }
}

/// The writer of a process that dies in the midst of it; how many events it had taken is in
/// `taken`.
void record_until_killed(const std::string& path, std::atomic<std::size_t>& taken) {
    WriterOptions options = small_chunks(path);
    options.chunk_bytes = std::uint64_t{600} << 10;
    options.seal = std::chrono::milliseconds(3);
    auto writer = Writer::open(options, scenes().front().event()->as<nst_session>());
    if (!writer) {
        _exit(1);
    }
    World world;
    for (const EventBuffer& one : scenes()) {
        const auto event = one.event();
        (*writer)->write(*event);
        taken++;
        world.apply(*event);
        (*writer)->tick();
        if (world.synchronized() && !world.in_round() && (*writer)->wants_keyframe()) {
            (*writer)->keyframe(
                [view = world.view()](const TellEvent& tell) { tell_keyframe(view, tell); });
        }
    }
    pause();
}

TEST(Recording, LosesNothingThatWasTakenWhenItIsKilled) {
    void* shared = mmap(nullptr, sizeof(std::atomic<std::size_t>), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    auto& taken = *new (shared) std::atomic<std::size_t>(0);
    const auto expected = as_json(scenes());
    const auto begins_like_it = [&](const std::vector<std::string>& events) {
        return events.size() <= expected.size() &&
               std::equal(events.begin(), events.end(), expected.begin());
    };
    for (std::size_t round = 0; round < 20; round++) {
        const TempDir dir;
        taken = 0;
        const pid_t pid = fork();
        if (pid == 0) {
            record_until_killed(dir.path(), taken);
        }
        const std::size_t wanted = (scenes().size() * round / 20) + 1;
        while (taken < wanted) {
            ASSERT_EQ(waitpid(pid, nullptr, WNOHANG), 0);
        }
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
        // As it was found, by a reader that changes nothing.
        const Read found = read_recording(dir.path());
        EXPECT_GE(found.events.size(), taken.load()) << "in round " << round;
        EXPECT_TRUE(begins_like_it(found.events));
        // And taken over by the next recorder.
        {
            auto writer =
                Writer::open(small_chunks(dir.path()), scenes().front().event()->as<nst_session>());
            ASSERT_TRUE(writer) << writer.error().line();
            EXPECT_EQ((*writer)->recovered().last_session, 1U);
        }
        const Read mended = read_recording(dir.path());
        EXPECT_EQ(mended.events, found.events);
        EXPECT_EQ(mended.faults.damaged_places, 0U);
    }
    munmap(shared, sizeof(std::atomic<std::size_t>));
}

TEST(Recording, IsReadWhileItIsWritten) {
    const TempDir dir;
    write_recording(small_chunks(dir.path()), scenes(), [&](Writer& /*writer*/, std::size_t i) {
        if (i % 500 == 499) {
            const Read read = read_recording(dir.path());
            EXPECT_EQ(read.events.size(), i + 1);
            EXPECT_EQ(read.gaps, 0U);
        }
    });
}

TEST(Recording, TwoRecordersDoNotShareADirectory) {
    const TempDir dir;
    const auto& session = scenes().front().event()->as<nst_session>();
    const auto one = Writer::open(small_chunks(dir.path()), session);
    ASSERT_TRUE(one);
    const auto other = Writer::open(small_chunks(dir.path()), session);
    ASSERT_FALSE(other);
    EXPECT_NE(other.error().line().find("another recorder is at work there"), std::string::npos)
        << other.error().line();
}

/// Of each finding, where its evidence came and what it was.
class Shown {
public:
    void apply(const Event& event) {
        checker_.apply(event);
        for (const Finding& finding : checker_.news()) {
            for (const Evidence& one : finding.evidence) {
                const auto shown = one.event.event();
                all_.push_back(std::to_string(one.place) + ' ' +
                               (shown ? to_json(*shown) : "not kept any more"));
            }
        }
    }
    [[nodiscard]] const std::vector<std::string>& all() const { return all_; }

private:
    World world_;
    Checker checker_{world_};
    std::vector<std::string> all_;
};

TEST(Recording, FindingsShowTheEventsThatTheyWouldHaveShownLive) {
    std::vector<EventBuffer> events = scenes();
    const std::uint64_t began = events.back().event()->boot_ns();
    const auto add = [&](auto event) {
        event.header.kind = kind_of<decltype(event)>;
        event.header.boot_ns = began + events.size();
        events.push_back(EventBuffer::make(event));
    };
    // A number given out twice; so many that the events of the first are read over many times.
    constexpr int twice = 20'000;
    for (int i = 0; i < twice; i++) {
        nst_inum_alloc alloc{};
        alloc.inum = 0xF0010000 + static_cast<std::uint32_t>(i);
        add(alloc);
        add(alloc);
        if (i % 100 == 0) {
            nst_mark mark{};
            mark.what = NST_mark_what_audited;
            add(mark);
        }
    }
    Shown live;
    for (const EventBuffer& event : events) {
        live.apply(*event.event());
    }
    ASSERT_GT(live.all().size(), std::size_t{twice});
    for (const bool compress : {false, true}) {
        const TempDir dir;
        WriterOptions options;
        options.store.path = dir.path();
        options.store.compress = compress;
        options.keyframe_share = 0;
        write_recording(options, events, [](Writer& writer, std::size_t i) {
            if (i % 100 == 0) {
                writer.flush();
            }
        });
        Shown replayed;
        auto source = RecordingSource::open(dir.path());
        ASSERT_TRUE(source);
        while (!(*source)->ended()) {
            ASSERT_TRUE((*source)->poll([&](const Event& event) { replayed.apply(event); }));
        }
        EXPECT_EQ(replayed.all(), live.all()) << (compress ? "compressed" : "plain");
    }
}

TEST(Recording, SecondsOnTheSameBootGoOnWhereTheFirstEnded) {
    const TempDir dir;
    write_recording(small_chunks(dir.path()), scenes());
    write_recording(small_chunks(dir.path()), scenes());
    const Read read = read_recording(dir.path());
    auto expected = as_json(scenes());
    const auto once = expected;
    expected.insert(expected.end(), once.begin(), once.end());
    EXPECT_EQ(read.events, expected);
    EXPECT_EQ(read.gaps, 0U);
    // The second session is known as if it were alone; its namespaces are others than the first's.
    World both;
    Checker checker(both);
    World once_only;
    for (const EventBuffer& event : scenes()) {
        once_only.apply(*event.event());
    }
    auto source = RecordingSource::open(dir.path());
    while (!(*source)->ended()) {
        ASSERT_TRUE((*source)->poll([&](const Event& event) { checker.apply(event); }));
    }
    checker.finish();
    EXPECT_EQ(checker.findings().violations() + checker.findings().unknown(), 0U);
    const auto without_generations = [](const World& world) {
        nlohmann::json state = state_of(world);
        for (auto& ns : state["namespaces"]) {
            ns.erase("gen");
        }
        return state;
    };
    EXPECT_EQ(without_generations(both), without_generations(once_only));
    EXPECT_EQ(both.find_namespace(4026531836)->gen, 2U);
}

TEST(Recording, APartFilledPacketIsSealedInTime) {
    const TempDir dir;
    WriterOptions options = small_chunks(dir.path());
    options.seal = std::chrono::milliseconds(1);
    write_recording(options, scenes(), [&](Writer& writer, std::size_t i) {
        if (i == 100) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            writer.tick();
            writer.flush();
            ASSERT_EQ(chunk_files(dir.path()).size(), 1U);
            EXPECT_GT(fs::file_size(chunk_files(dir.path()).front()), 0U);
        }
    });
}

}  // namespace
}  // namespace nstrail::test

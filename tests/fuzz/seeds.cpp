// SPDX-License-Identifier: Apache-2.0
// fuzz_seeds OUT: what fuzzing began from, in OUT/<target>/, made of the fixtures. corpus/ is what
// `-merge=1` kept of it and of what was found since.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "event/format.hpp"
#include "fuzz/recipe.hpp"
#include "record/metadata.hpp"
#include "support/stream.hpp"
#include "unit/any_event.hpp"

using namespace nstrail;
using fuzz::Recipe;
using fuzz::Setup;
using fuzz::What;

namespace {

using Events = std::vector<EventBuffer>;

std::string out;

void keep(const std::string& target, const std::string& name, const std::string& bytes) {
    std::filesystem::create_directories(out + '/' + target);
    std::ofstream(out + '/' + target + '/' + name, std::ios::binary) << bytes;
}

Events part(const Events& all, std::size_t from, std::size_t count) {
    Events some;
    for (std::size_t i = from; i < std::min(all.size(), from + count); i++) {
        some.push_back(all[i]);
    }
    return some;
}

std::string wire_of(const Events& events) {
    std::string bytes;
    for (EventBuffer event : events) {
        bytes.append(reinterpret_cast<const char*>(event.bytes().data()), event.bytes().size());
    }
    return bytes;
}

fuzz::Piece piece_of(const Events& events, PacketKind kind = PacketKind::events) {
    fuzz::Piece piece{.step = {.kind = static_cast<std::uint8_t>(kind)}, .words = {}};
    std::uint64_t timestamp = 0;
    for (const EventBuffer& one : events) {
        const auto event = *one.event();
        timestamp = std::max(timestamp, event.boot_ns());
        piece.words.push_back(timestamp);
        const std::size_t at = piece.words.size();
        piece.words.resize(at + (event.bytes().size() / 8));
        std::memcpy(piece.words.data() + at, event.bytes().data(), event.bytes().size());
    }
    return piece;
}

fuzz::Piece step_of(const fuzz::Step& step, const Events& events = {}) {
    fuzz::Piece piece = piece_of(events);
    piece.step = step;
    return piece;
}

void streams(const std::string& name, const Events& all) {
    for (std::size_t from = 0; from < all.size(); from += 40) {
        Events some = part(all, from, 40);
        if (from != 0) {
            some.insert(some.begin(), all.front());
        }
        keep("events", fmt::format("{}-{:04}", name, from), wire_of(some));
    }
    if (all.size() < 400) {
        keep("events", name, wire_of(all));
    }
}

void recipes(const Events& all) {
    const Events a = part(all, 0, 12);
    const Events b = part(all, 12, 12);
    const Events c = part(all, 24, 12);
    const auto key = [](const Events& events) { return piece_of(events, PacketKind::keyframe); };
    const auto last = [](const Events& events) {
        return piece_of(events, PacketKind::keyframe_end);
    };
    const fuzz::Piece chunk = step_of({.what = What::chunk});
    const fuzz::Piece damaged = step_of({.what = What::damaged, .damage = 4, .damage_at = 150}, b);
    const fuzz::Piece header = step_of({.what = What::damaged, .damage = 1, .damage_at = 60}, b);
    const fuzz::Piece ahead = step_of({.first = 3}, c);
    const fuzz::Piece wrong = step_of({.events = 2}, b);
    const std::vector<std::vector<fuzz::Piece>> all_pieces = {
        {piece_of(a), piece_of(b), piece_of(c)},
        {piece_of(a), damaged, piece_of(c)},
        {piece_of(a), header, piece_of(c)},
        {piece_of(a), ahead},
        {piece_of(a), wrong, piece_of(c)},
        {piece_of(a), chunk, key(a), last(b), piece_of(c)},
        {piece_of(a), damaged, chunk, key(a), last(b), piece_of(c)},
        {piece_of(a), step_of({.session = 2}, b), step_of({.session = 2}, c)},
        {step_of({.what = What::bytes}, a), piece_of(b)},
    };
    for (std::size_t i = 0; i < all_pieces.size(); i++) {
        for (const int mode : {0, 1, 2, 4, 8, 16}) {
            Setup setup{.mode = static_cast<std::uint8_t>(mode)};
            setup.kind = NST_KIND_task_exec;
            setup.fixed_words = sizeof(nst_task_exec) / 8;
            setup.from_ns = c.front().event()->boot_ns();
            setup.until_ns = setup.from_ns;
            keep("packets", fmt::format("recipe-{}-{}", i, mode),
                 fuzz::bytes_of({.setup = setup, .pieces = all_pieces[i]}));
        }
    }
}

/// What a recorder that was killed leaves in memory: two packets, the later one first.
void memories(const Events& all) {
    constexpr std::size_t room = 2048;
    std::string bytes(2 * room, '\0');
    for (std::size_t slot = 0; slot < 2; slot++) {
        const fuzz::Piece piece = piece_of(part(all, slot * 3, 3));
        const std::size_t size = piece.words.size() * sizeof(std::uint64_t);
        PacketHeader header;
        header.uuid = Uuid{1, 2, 3};
        header.session = 1;
        header.first_event = (1 - slot) * 3;
        header.content_size = (sizeof(header) + size) * 8;
        char* const at = bytes.data() + (slot * room);
        std::memcpy(at, &header, sizeof(header));
        std::memcpy(at + sizeof(header), piece.words.data(), size);
    }
    keep("files", "memory", bytes);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: fuzz_seeds OUT\n");
        return 2;
    }
    out = argv[1];
    for (const std::string& name : std::vector<std::string>{
             "scripted-containers", "debian-6.12-containers", "debian-6.12-scenes"}) {
        streams(name, test::read_stream(FIXTURES "/" + name + ".jsonl"));
    }
    recipes(test::read_stream(FIXTURES "/scripted-containers.jsonl"));
    memories(test::read_stream(FIXTURES "/scripted-containers.jsonl"));
    keep("files", "mark", "7 1234567890123\n");
    keep("files", "token", "0123456789abcdef\r\n");
    keep("files", "open", "/dev/shm/nstrail-0123456789abcdef\n");
    test::Zeros zeros;
    test::Extremes extremes;
    test::Random random(1);
    const Events some[] = {test::every_kind(zeros), test::every_kind(extremes),
                           test::every_kind(random)};
    for (const Events& events : some) {
        keep("events", fmt::format("every-kind-{}", &events - some), wire_of(events));
        for (const EventBuffer& event : events) {
            keep("json_events",
                 fmt::format("{}-{}", kind_name(event.event()->kind()), &events - some),
                 to_json(*event.event()) + '\n');
        }
    }
    nst_session session{};
    session.wall_offset_ns = 1'700'000'000'123'456'789;
    keep("metadata", "own", metadata_text(session, Uuid{1, 2, 3}));
    for (const std::string& expression : std::vector<std::string>{
             "comm=sh and kind=task_exec", "pid=4026532201 or pid_for_children=pid:[4026532201]",
             "net != 4026531840 and kind in (task_new, task_exit)",
             "container ~ 3f2a* and not kind ~ task_r*",
             "error=EAGAIN or finding or notable=escape",
             "not (tid >= 0x20 and tid<-1) || comm not in ('a b', \"c\\\"d\")", "exe = null",
             "container != any", "level=1", "via=exit && type=pid"}) {
        keep("filter", fmt::format("{:016x}", std::hash<std::string>{}(expression)), expression);
    }
    return 0;
}

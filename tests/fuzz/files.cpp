// SPDX-License-Identifier: Apache-2.0
// Any bytes as the small files that nstrail finds beside what it reads: the mark of what was
// shipped, the file that leads to a recorder's memory, that memory itself, and a token.
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "fuzz/fuzz.hpp"
#include "record/spool.hpp"
#include "record/unshipped.hpp"
#include "sink/web_tls.hpp"
#include "support/temp_dir.hpp"

using namespace nstrail;
using fuzz::require;

namespace {

constexpr Uuid boot{1, 2, 3};

std::string put(const std::string& path, std::string_view text) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << text;
    require(file.flush().good(), "the file is written");
    return path;
}

void mark(const std::string& folder, std::string_view text) {
    put(folder + "/shipped", text);
    const auto read = ShipMark::read(folder);
    if (!read) {
        return;
    }
    require(read->write(folder).has_value(), "a mark is written");
    const auto again = ShipMark::read(folder);
    require(again && again->chunk == read->chunk && again->next_packet == read->next_packet,
            "a mark is what was written");
}

void token(const std::string& folder, std::string_view text) {
    const std::string path = put(folder + "/token", text);
    require(chmod(path.c_str(), 0600) == 0, "the token is private");
    if (const auto read = read_token(path)) {
        require(read->size() >= 8 && read->size() <= 1024, "a token is long enough");
        require(text.starts_with(*read), "a token is what the file begins with");
    }
}

void memory(const std::string& folder, std::string_view text) {
    // Two of its slots; between what is written nothing is.
    const std::string spool =
        put(fmt::format("/dev/shm/nstrail-{:016x}", getpid()), text.substr(0, text.size() / 2));
    {
        std::ofstream file(spool, std::ios::binary | std::ios::in);
        file.seekp(packet_room);
        file << text.substr(text.size() / 2);
    }
    const std::string open = put(folder + "/open", spool + '\n');
    std::pair<std::uint32_t, std::uint64_t> last;
    for (const SpooledPacket& packet : read_spool(open, boot)) {
        require(packet.header.uuid == boot, "a packet is of that boot");
        require(packet.header.events != 0, "a packet holds events");
        require(packet.words.size() * 64 == packet.header.content_size, "a packet is whole");
        const std::pair place(packet.header.session, packet.header.first_event);
        require(place >= last, "packets are in order");
        last = place;
    }
    put(open, text);
    [[maybe_unused]] const auto other = read_spool(open, boot);
    require(std::remove(spool.c_str()) == 0, "nothing but its recorder removes a memory");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const test::TempDir folder;
    const std::string_view text = fuzz::as_text(data, size);
    mark(folder.path(), text);
    token(folder.path(), text);
    memory(folder.path(), text);
    return 0;
}

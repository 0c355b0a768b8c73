// SPDX-License-Identifier: Apache-2.0
#include "record/shipped.hpp"

#include "record/boot_reader.hpp"
#include "record/frame.hpp"
#include "record/metadata.hpp"

namespace nstrail {

Result<std::vector<ShipName>> shipped_names(StreamReader& reader) {
    const StreamUrl& url = reader.url();
    if (url.stream.empty()) {
        return fail("read " + url.text(), "its address names no stream",
                    "e.g. nats://HOST:4222/NSTRAIL");
    }
    const auto subjects = reader.subjects(chunks_filter(url.host, url.boot));
    if (!subjects) {
        return std::unexpected(subjects.error());
    }
    std::vector<ShipName> names;
    for (const std::string& subject : *subjects) {
        if (auto name = ShipName::parse(subject)) {
            names.push_back(std::move(*name));
        }
    }
    return names;
}

Result<std::vector<ShippedBoot>> list_shipped(const StreamUrl& url) {
    auto reader = StreamReader::open(url);
    if (!reader) {
        return std::unexpected(reader.error());
    }
    const auto names = shipped_names(*reader);
    if (!names) {
        return std::unexpected(names.error());
    }
    std::vector<ShippedBoot> boots;
    for (const ShipName& name : *names) {
        const auto head =
            reader->next(name.chunks_subject(), 1, true, [](const StreamMessage& message) {
                return message.number(acknowledged_packets_header) == 0
                           ? StreamReader::Before::none
                           : StreamReader::Before::perhaps;
            });
        const auto last = reader->last(name.packets_subject());
        if (!head || !last) {
            return std::unexpected(head ? last.error() : head.error());
        }
        ShippedBoot boot{.name = name};
        if (*head) {
            boot.begin_ns = (*head)->number(begin_header);
            boot.seen_ns = (*head)->stored_ns;
            const auto text = unpack_text((*head)->payload, DiskBoot::most_metadata);
            const auto metadata = text ? parse_metadata(*text) : std::unexpected(text.error());
            boot.wall_offset_ns = metadata ? metadata->wall_offset_ns : 0;
        }
        if (*last) {
            boot.end_ns = (*last)->number(end_header);
            boot.lost = (*last)->number(lost_header);
            boot.seen_ns = (*last)->stored_ns;
        }
        boots.push_back(std::move(boot));
    }
    return boots;
}

}  // namespace nstrail

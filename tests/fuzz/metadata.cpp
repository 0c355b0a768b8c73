// SPDX-License-Identifier: Apache-2.0
// Any bytes as the metadata of a chunk.
#include "record/metadata.hpp"

#include "base/text.hpp"
#include "fuzz/fuzz.hpp"

using namespace nstrail;
using fuzz::require;

namespace {

std::string written(const Metadata& metadata) {
    nst_session session{};
    session.wall_offset_ns = metadata.wall_offset_ns;
    copy_text(session.release, metadata.release);
    return metadata_text(session, metadata.uuid);
}

void check_layout(const KindLayout& layout) {
    require(layout.fixed == 0 || layout.fixed >= sizeof(nst_header), "a record has a header");
    require(layout.fixed <= packet_room, "a record fits a packet");
    require(layout.fixed % 8 == 0 && layout.element % 8 == 0, "records are aligned");
    require(layout.element == 0 || (layout.count_at >= sizeof(nst_header) &&
                                    layout.count_at + sizeof(std::uint32_t) <= layout.fixed),
            "the count of a tail lies in the fixed part");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto read = parse_metadata(fuzz::as_text(data, size));
    if (!read) {
        require(!read.error().why.empty(), "a refusal has a reason");
        return 0;
    }
    require(read->format <= recording_format, "no later format is read");
    for (const KindLayout& layout : read->kinds) {
        check_layout(layout);
    }
    // What this version writes of it is read as it was written.
    const std::string text = written(*read);
    const auto again = parse_metadata(text);
    require(again.has_value(), "what is written is read");
    require(again->uuid == read->uuid && again->wall_offset_ns == read->wall_offset_ns,
            "boot and clock come back");
    require(again->kinds == own_layouts(), "the layouts are those of this version");
    require(written(*again) == text, "what was read is written as it was");
    return 0;
}

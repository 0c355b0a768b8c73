// SPDX-License-Identifier: Apache-2.0
// Any bytes as what names a recording in a stream, and as the metadata that a message of it has.
#include <string>

#include "base/percent.hpp"
#include "base/text.hpp"
#include "fuzz/fuzz.hpp"
#include "record/frame.hpp"
#include "record/shipment.hpp"
#include "record/stream_url.hpp"

using namespace nstrail;
using fuzz::require;

namespace {

void subject(std::string_view text) {
    const auto name = ShipName::parse(text);
    if (!name) {
        return;
    }
    for (const std::string& own : {name->packets_subject(), name->chunks_subject()}) {
        const auto again = ShipName::parse(own);
        require(again && again->cluster == name->cluster && again->host == name->host &&
                    again->boot == name->boot,
                "a name is that of its subjects");
        require(own.find_first_of(" \r\n*>") == own.npos, "a subject has nothing that NATS reads");
    }
}

void address(std::string_view text) {
    const auto url = StreamUrl::parse(text);
    if (!url) {
        require(!url.error().why.empty(), "a refusal says why");
        return;
    }
    require(!url->servers.empty(), "an address has a server");
    for (const std::string& server : url->servers) {
        require(server.find("://") != server.npos, "a server has a scheme");
    }
}

/// What is put into an address comes out of it.
void value(const std::string& text) {
    const auto url = StreamUrl::parse(with_query("nats://localhost:4222/S", "host", text));
    require(!url || url->host == text, "a value comes out as it was put in");
    if (const auto decoded = percent_decoded(text)) {
        require(decoded->size() <= text.size(), "an escape stands for one byte");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t most = 1 << 16;
    const std::string_view text = fuzz::as_text(data, size);
    subject(text);
    address(text);
    value(std::string(text));
    const auto unpacked = unpack_text(fuzz::as_bytes(data, size), most);
    require(!unpacked || unpacked->size() <= most, "no more is unpacked than is wanted");
    return 0;
}

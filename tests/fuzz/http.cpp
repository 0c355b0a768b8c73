// SPDX-License-Identifier: Apache-2.0
// Any bytes from a client of the agent: heads of requests, in pieces as they may come, and the
// parameters in them.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "sink/web_link.hpp"
#include "sink/web_query.hpp"

using namespace nstrail;
using fuzz::require;

namespace {

/// All whole heads, where so many bytes come at a time.
std::vector<std::string> heads_of(std::string_view sent, std::size_t piece) {
    std::vector<std::string> heads;
    std::string received;
    while (!sent.empty()) {
        received += sent.substr(0, piece);
        sent.remove_prefix(std::min(piece, sent.size()));
        for (;;) {
            const std::size_t before = received.size();
            const WebHead head = take_head(received);
            if (head.refused) {
                return heads;
            }
            if (head.text.empty()) {
                require(received.size() == before, "of a head that is not whole nothing is taken");
                break;
            }
            require(received.size() < before, "what was taken is gone");
            require(head.text.size() <= before - received.size(), "nothing is added to a head");
            heads.push_back(head.text);
            if (head.has_body) {
                return heads;
            }
        }
    }
    return heads;
}

void ask(std::string_view target) {
    constexpr std::array<std::string_view, 3> known = {"filter", "at", "last"};
    constexpr std::uint64_t most = 1000;
    const auto query = Query::parse(target, known);
    if (!query) {
        return;
    }
    for (const std::string_view name : known) {
        const auto text = query->text(name);
        require(!text || text->size() + name.size() < target.size(), "a value is in the target");
        const auto number = query->number(name, most);
        require(!number || !*number || **number <= most, "a number is within its bounds");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view sent = fuzz::as_text(data, size);
    const auto heads = heads_of(sent, sent.size() + 1);
    require(heads_of(sent, 7) == heads, "in what pieces it comes changes nothing");
    for (const std::string& head : heads) {
        const std::size_t start = head.find(' ');
        const std::size_t end = head.find_first_of(" \r\n", start == head.npos ? 0 : start + 1);
        if (start != head.npos && end != head.npos && end > start) {
            ask(std::string_view(head).substr(start + 1, end - start - 1));
        }
    }
    ask(sent);
    return 0;
}

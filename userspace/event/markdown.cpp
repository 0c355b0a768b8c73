// SPDX-License-Identifier: Apache-2.0
#include <iterator>

#include "event/format.hpp"

namespace nstrail {

std::string events_markdown() {
    fmt::memory_buffer out;
    auto to = std::back_inserter(out);
    fmt::format_to(to,
                   "<!-- Made from bpf/wire/events.def and hooks.def by `nstrail-docs events`; do "
                   "not edit. -->\n"
                   "# Events\n\n"
                   "What the stream consists of, live and recorded. In JSON every event has "
                   "`kind`, `at_boot_ns`\n"
                   "(CLOCK_BOOTTIME, for people), `cpu` and `seq` (counts per CPU, lost records "
                   "included). The order of\n"
                   "events is their order in the stream, not their time. `null` means unknown, or "
                   "NULL where it says so.\n"
                   "Keys are opaque: equal keys of live objects name the same kernel object.\n");
    // events.def is walked once for the kinds and once for the composites they hold.
    bool wanted = true;
    const auto row = [&](std::string_view name, std::string_view type, std::string_view help) {
        if (!wanted) {
            return;
        }
        fmt::format_to(to, "| `{}` | {} | {} |\n", name, type, help);
    };
    fmt::format_to(to, "\n## Kinds\n");
#define EVENT(name, number, help)                            \
    fmt::format_to(to, "\n### `{}`\n\n{}\n\n", #name, help); \
    fmt::format_to(to, "| field | type | meaning |\n|---|---|---|\n");
#define FIELD(type, name, format, help) row(#name, #type, help);
#define TEXT(name, bytes, help) row(#name, "text", help);
#define TAIL(type, name, count, help) row(#name, "array of " #type, help);
#define STRUCT(name, help) wanted = false;
#define END_STRUCT(name) wanted = true;
#include "wire/events.def"
    fmt::format_to(to, "\n## Composites\n");
#define STRUCT(name, help)                                   \
    fmt::format_to(to, "\n### `{}`\n\n{}\n\n", #name, help); \
    fmt::format_to(to, "| field | type | meaning |\n|---|---|---|\n");
#define FIELD(type, name, format, help) row(#name, #type, help);
#define EVENT(name, number, help) wanted = false;
#define END_EVENT(name) wanted = true;
#include "wire/events.def"
    fmt::format_to(to, "\n## Enumerations\n");
#define ENUM(name, help)                                     \
    fmt::format_to(to, "\n### `{}`\n\n{}\n\n", #name, help); \
    fmt::format_to(to, "| value | number | meaning |\n|---|---|---|\n");
#define VALUE(enumeration, name, number, help) row(#name, #number, help);
#include "wire/events.def"
    fmt::format_to(to,
                   "\n## Hooks\n\nWhere the events come from. `nstrail doctor` says which of them "
                   "this kernel allows.\n\n"
                   "| hook | kernel | closes | without it |\n|---|---|---|---|\n");
#define HOOK(number, name, point, target, help, without) \
    fmt::format_to(to, "| `{}` | {} `{}` | {} | {} |\n", #name, #point, target, help, without);
#include "wire/hooks.def"
    return fmt::to_string(out);
}

}  // namespace nstrail

// SPDX-License-Identifier: Apache-2.0
#include <array>

#include <fmt/format.h>

#include "event/event.hpp"
#include "event/reflect.hpp"

namespace nstrail {

namespace {

struct KindInfo {
    std::string_view name;
    std::size_t fixed = 0;     // bytes of the fixed part
    std::size_t element = 0;   // bytes of a tail element, 0 = no tail
    std::size_t count_at = 0;  // where the fixed part counts them
};

constexpr KindInfo info_of(std::uint32_t kind) {
    switch (kind) {
#define EVENT(event, number, help)                                \
    case number: {                                                \
        using Wire = nst_##event;                                 \
        static_assert(sizeof(Wire) % sizeof(std::uint64_t) == 0); \
        KindInfo info{#event, sizeof(Wire)};
#define TAIL(type, name, count, help)                               \
    static_assert(sizeof(nst_##type) % sizeof(std::uint64_t) == 0); \
    info.element = sizeof(nst_##type);                              \
    info.count_at = offsetof(Wire, count);
#define END_EVENT(event) \
    return info;         \
    }
#include "wire/events.def"
        default:
            return {};
    }
}

// Asked with every event.
constexpr auto infos = [] {
    std::array<KindInfo, NST_KIND_end> all{};
    for (std::uint32_t kind = 0; kind < NST_KIND_end; kind++) {
        all[kind] = info_of(kind);
    }
    return all;
}();

std::uint32_t count_in(std::span<const std::byte> record, const KindInfo& info) {
    nst_u32 count = 0;
    std::memcpy(&count, record.data() + info.count_at, sizeof(count));
    return count;
}

}  // namespace

std::size_t Event::size_in(std::span<const std::byte> record) {
    if (record.size() < sizeof(nst_header) ||
        reinterpret_cast<std::uintptr_t>(record.data()) % alignof(nst_header) != 0) {
        return 0;
    }
    const auto kind = reinterpret_cast<const nst_header*>(record.data())->kind;
    const KindInfo& info = infos[kind < NST_KIND_end ? kind : 0];
    if (record.size() < info.fixed || info.element == 0) {
        return record.size() < info.fixed ? 0 : info.fixed;
    }
    const std::size_t count = count_in(record, info);
    const std::size_t size = info.fixed + (count * info.element);
    return count > NST_MAX_LEVELS || record.size() < size ? 0 : size;
}

Result<Event> Event::refuse(std::span<const std::byte> record) {
    if (record.size() < sizeof(nst_header)) {
        return fail("decode an event",
                    fmt::format("{} bytes are less than a header", record.size()));
    }
    if (reinterpret_cast<std::uintptr_t>(record.data()) % alignof(nst_header) != 0) {
        return fail("decode an event", "the record is not aligned to 8 bytes");
    }
    const auto kind = reinterpret_cast<const nst_header*>(record.data())->kind;
    const KindInfo& info = infos[kind < NST_KIND_end ? kind : 0];
    if (info.fixed == 0) {
        return fail("decode an event", fmt::format("kind {} is not known", kind),
                    "the stream is damaged or comes from a newer version");
    }
    if (record.size() < info.fixed) {
        return fail("decode an event",
                    fmt::format("{} needs {} bytes, has {}", info.name, info.fixed, record.size()));
    }
    return fail("decode an event", fmt::format("{} claims {} elements in {} bytes", info.name,
                                               count_in(record, info), record.size() - info.fixed));
}

std::string_view kind_name(Kind kind) {
    const KindInfo info = info_of(kind);
    return info.name.empty() ? "unknown" : info.name;
}

std::string_view hook_name(nst_hook hook) {
    switch (hook) {
#define HOOK(number, name, point, target, help, without) \
    case NST_HOOK_##name:                                \
        return #name;
#include "wire/hooks.def"
        case NST_HOOK_end:
            break;
    }
    return "unknown";
}

std::string_view type_name(NsType type) {
    return enum_name(Format::ENUM_ns_type, type);
}

std::string_view enum_name(Format format, std::uint64_t number) {
    switch (format) {
#define ENUM(name, help)      \
    case Format::ENUM_##name: \
        switch (number) {
#define VALUE(enumeration, name, value, help) \
    case value:                               \
        return #name;
#define END_ENUM(name) \
    default:           \
        return {};     \
        }
#include "wire/events.def"
        default:
            return {};
    }
}

}  // namespace nstrail

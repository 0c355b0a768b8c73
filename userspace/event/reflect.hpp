// SPDX-License-Identifier: Apache-2.0
// Walks the fields of any event, as events.def declares them. The JSON and text forms, the parser
// and the generated documentation are visitors; none of them knows an event by name.
#pragma once

#include <type_traits>

#include "event/event.hpp"

namespace nstrail {

/// How a field is shown: the formats of events.def.
enum class Format : std::uint8_t {
    NUMBER,
    ID,
    INUM,
    KEY,
    TIME,
    ERRNO,
    FLAGS,
    OBJECT,
    NSSET,
#define ENUM(name, help) ENUM_##name,
#include "wire/events.def"
};

/// Name of value `number` of the enumeration that `format` names; empty if it has no such value.
[[nodiscard]] std::string_view enum_name(Format format, std::uint64_t number);

// visit_fields(object, visitor) calls, in declaration order:
//   visitor.number(name, value, Format)      integers (by reference to T or const T)
//   visitor.object(name, composite, Format)  composites; visit_fields works on them too
//   visitor.text(name, chars, size)
//   visitor.tail<Element>(name, count)       elements follow the fixed part
namespace detail {
template <class V, class F>
void visit_one(V& visitor, std::string_view name, F& field, Format format) {
    if constexpr (std::is_class_v<F>) {
        visitor.object(name, field, format);
    } else {
        visitor.number(name, field, format);
    }
}
}  // namespace detail

#define NST_REFLECT_BEGIN(name)                                     \
    template <class T, class V>                                     \
        requires std::is_same_v<std::remove_const_t<T>, nst_##name> \
    void visit_fields([[maybe_unused]] T& object, V& visitor) {
#define STRUCT(name, help) NST_REFLECT_BEGIN(name)
#define FIELD(type, name, format, help) \
    detail::visit_one(visitor, #name, object.name, Format::format);
#define END_STRUCT(name) }
#define EVENT(name, number, help) NST_REFLECT_BEGIN(name)
#define TEXT(name, bytes, help) visitor.text(#name, object.name, bytes);
#define TAIL(type, name, count, help) visitor.template tail<nst_##type>(#name, object.count);
#define END_EVENT(name) }
#include "wire/events.def"
#undef NST_REFLECT_BEGIN

/// Calls f(const T&) with the fixed part of the event, T being its wire struct.
template <class F>
void with_fixed_part(const Event& event, F&& f) {
    switch (event.kind()) {
#define EVENT(name, number, help)  \
    case NST_KIND_##name:          \
        f(event.as<nst_##name>()); \
        return;
#include "wire/events.def"
        case NST_KIND_end:
            break;
    }
    __builtin_unreachable();  // decode() made the event, so its kind is known
}

}  // namespace nstrail

// SPDX-License-Identifier: Apache-2.0
#include "record/metadata.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "event/reflect.hpp"

namespace nstrail {

namespace {

// babeltrace2 shows a field without its leading underscore; with it no name is a word of TSDL.
constexpr std::string_view preamble = R"(
typealias integer {{ size = 8; align = 8; signed = false; encoding = UTF8; }} := char_t;
typealias integer {{ size = 8; align = 8; signed = false; }} := byte_t;
typealias integer {{ size = 16; align = 8; signed = false; }} := u16;
typealias integer {{ size = 32; align = 8; signed = false; }} := u32;
typealias integer {{ size = 32; align = 8; signed = false; base = 16; }} := x32;
typealias integer {{ size = 32; align = 8; signed = true; }} := s32;
typealias integer {{ size = 64; align = 8; signed = false; }} := u64;
typealias integer {{ size = 64; align = 8; signed = false; base = 16; }} := x64;
typealias integer {{ size = 64; align = 8; signed = false; map = clock.boottime.value; }} := timestamp_t;

trace {{
	major = 1;
	minor = 8;
	uuid = "{uuid}";
	byte_order = {order};
	packet.header := struct {{
		u32 magic;
		byte_t uuid[16];
		u32 stream_id;
		u64 stream_instance_id;
	}};
}};

env {{
	tracer_name = "nstrail";
	domain = "kernel";
	kernel_release = "{release}";
	nstrail_format = {format};
{layouts}}};

clock {{
	name = boottime;
	uuid = "{uuid}";
	description = "CLOCK_BOOTTIME";
	freq = 1000000000;
	offset_s = {seconds};
	offset = {nanoseconds};
}};

stream {{
	id = 0;
	packet.context := struct {{
		timestamp_t timestamp_begin;
		timestamp_t timestamp_end;
		u64 content_size;
		u64 packet_size;
		u64 packet_seq_num;
		u64 events_discarded;
		u64 _first_event;
		x64 _hash;
		u32 _events;
		enum : u32 {{ events = 0, keyframe = 1, keyframe_end = 2 }} _kind;
		u32 _chunk;
		u32 _session;
	}};
	event.header := struct {{
		timestamp_t timestamp;
		u16 id;
	}};
	event.context := struct {{
		u16 _cpu;
		u32 _seq;
		u64 _boot_ns;
	}};
}};

)";

/// Appends the members of a struct as TSDL declares them.
struct Declare {
    std::string& out;
    std::string indent;

    template <class T>
    void number(std::string_view name, const T& /*value*/, Format format) {
        const std::string_view plain = sizeof(T) == 8 ? "64" : std::is_signed_v<T> ? "s32" : "32";
        if (enum_name(format, 1).empty() || plain != "32") {
            const bool hex = format == Format::FLAGS || format == Format::KEY;
            const std::string_view base = plain == "s32" ? "" : hex ? "x" : "u";
            out += fmt::format("{}{}{} _{};\n", indent, base, plain, name);
            return;
        }
        out += fmt::format("{}enum : u32 {{", indent);
        std::string_view comma = " ";
        // The values of all enumerations are few and small.
        for (std::uint64_t value = 0; value < 64; value++) {
            if (const auto label = enum_name(format, value); !label.empty()) {
                out += fmt::format("{}{} = {}", comma, label, value);
                comma = ", ";
            }
        }
        out += fmt::format(" }} _{};\n", name);
    }
    template <class T>
    void object(std::string_view name, const T& value, Format /*format*/) {
        out += indent + "struct {\n";
        Declare inner{.out = out, .indent = indent + '\t'};
        visit_fields(value, inner);
        out += fmt::format("{}}} _{};\n", indent, name);
    }
    void text(std::string_view name, const char* /*chars*/, std::size_t size) {
        out += fmt::format("{}char_t _{}[{}];\n", indent, name, size);
    }
    template <class Element>
    void tail(std::string_view /*name*/, std::uint32_t /*count*/) {}
};

template <class Element>
void declare_tail(std::string& out, std::string_view name, std::string_view count) {
    out += "\t\tstruct {\n";
    Declare inner{.out = out, .indent = "\t\t\t"};
    const Element element{};
    visit_fields(element, inner);
    out += fmt::format("\t\t}} _{}[_{}];\n", name, count);
}

std::string event_declarations() {
    std::string out;
#define EVENT(event, number, help)                                                                 \
    out +=                                                                                         \
        fmt::format("event {{\n\tname = \"{}\";\n\tid = {};\n\tstream_id = 0;\n", #event, number); \
    out += "\tfields := struct {\n";                                                               \
    {                                                                                              \
        Declare declare{.out = out, .indent = "\t\t"};                                             \
        const nst_##event fixed{};                                                                 \
        visit_fields(fixed, declare);
#define TAIL(type, name, count, help) declare_tail<nst_##type>(out, #name, #count);
#define END_EVENT(event) \
    }                    \
    out += "\t};\n};\n\n";
#include "wire/events.def"
    return out;
}

constexpr auto make_layouts() {
    std::array<KindLayout, Metadata::most_kinds> all{};
#define EVENT(event, number, help)                      \
    {                                                   \
        static_assert((number) < Metadata::most_kinds); \
        using Wire = nst_##event;                       \
        KindLayout& one = all[number];                  \
        one.fixed = sizeof(Wire);
#define TAIL(type, name, count, help) \
    one.element = sizeof(nst_##type); \
    one.count_at = offsetof(Wire, count);
#define END_EVENT(event) }
#include "wire/events.def"
    return all;
}
constexpr auto layouts = make_layouts();

std::string layout_lines() {
    std::string out;
    for (std::uint32_t kind = 1; kind < NST_KIND_end; kind++) {
        const KindLayout& one = layouts[kind];
        if (one.fixed != 0) {
            out += fmt::format("\tnstrail_layout_{} = \"{} {} {} {}\";\n", kind,
                               kind_name(static_cast<Kind>(kind)), one.fixed, one.element,
                               one.count_at);
        }
    }
    return out;
}

/// A text as TSDL quotes it; what could end the quotation is left out.
std::string quotable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ' ? '?' : c;
    }
    return out;
}

/// What the text says by `name = value;` on a line of its own, the first time.
class Values {
public:
    explicit Values(std::string_view text) {
        while (!text.empty()) {
            std::string_view line = text.substr(0, text.find('\n'));
            text.remove_prefix(std::min(line.size() + 1, text.size()));
            const auto equals = line.find(" = ");
            if (line.starts_with('\t') && line.ends_with(';') && equals != std::string_view::npos) {
                by_name_.emplace(line.substr(1, equals - 1),
                                 line.substr(equals + 3, line.size() - equals - 4));
            }
        }
    }
    /// Without its quotes.
    [[nodiscard]] std::optional<std::string_view> operator[](std::string_view name) const {
        const auto found = by_name_.find(name);
        if (found == by_name_.end()) {
            return std::nullopt;
        }
        const std::string_view value = found->second;
        const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
        return quoted ? value.substr(1, value.size() - 2) : value;
    }

private:
    std::unordered_map<std::string_view, std::string_view> by_name_;
};

template <class T>
bool read_number(std::string_view text, T& to) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    return error == std::errc{} && end == text.data() + text.size();
}

/// "name fixed element count_at"
bool read_layout(std::string_view text, KindLayout& to) {
    std::array<std::uint32_t*, 3> numbers{&to.count_at, &to.element, &to.fixed};
    for (std::uint32_t* number : numbers) {
        const auto space = text.rfind(' ');
        if (space == std::string_view::npos || !read_number(text.substr(space + 1), *number)) {
            return false;
        }
        text = text.substr(0, space);
    }
    const bool tail_fits = to.element == 0 || (to.count_at >= sizeof(nst_header) &&
                                               to.count_at + sizeof(std::uint32_t) <= to.fixed);
    return to.fixed >= sizeof(nst_header) && to.fixed <= packet_room / 2 && to.fixed % 8 == 0 &&
           to.element % 8 == 0 && to.element <= 4096 && tail_fits;
}

}  // namespace

const std::array<KindLayout, Metadata::most_kinds>& own_layouts() {
    return layouts;
}

std::string metadata_text(const nst_session& session, const Uuid& uuid) {
    return "/* CTF 1.8 */\n" +
           fmt::format(
               preamble, fmt::arg("uuid", uuid_text(uuid)),
               fmt::arg("order", std::endian::native == std::endian::little ? "le" : "be"),
               fmt::arg("release", quotable(text_of(session.release, sizeof(session.release)))),
               fmt::arg("format", recording_format), fmt::arg("layouts", layout_lines()),
               fmt::arg("seconds", session.wall_offset_ns / 1'000'000'000),
               fmt::arg("nanoseconds", session.wall_offset_ns % 1'000'000'000)) +
           event_declarations();
}

Result<Metadata> parse_metadata(std::string_view text) {
    const auto fault = [](std::string why) {
        return fail("read the metadata of a recording", std::move(why));
    };
    if (!text.starts_with("/* CTF 1.8 */")) {
        return fault("it is not CTF 1.8");
    }
    const Values values(text);
    const auto format = values["nstrail_format"];
    Metadata made;
    if (!format || !read_number(*format, made.format)) {
        return fault("nstrail did not write it, or it is damaged (no nstrail_format)");
    }
    if (made.format > recording_format) {
        return fail("read the metadata of a recording",
                    fmt::format("its format is {}, and this version knows those up to {}",
                                made.format, recording_format),
                    "use a newer nstrail");
    }
    const std::string_view order = std::endian::native == std::endian::little ? "le" : "be";
    if (values["byte_order"] != order) {
        return fault("it was made on a machine of the other byte order");
    }
    const auto uuid = parse_uuid(values["uuid"].value_or(""));
    std::uint64_t seconds = 0;
    std::uint64_t nanoseconds = 0;
    if (!uuid || !read_number(values["offset_s"].value_or(""), seconds) ||
        !read_number(values["offset"].value_or(""), nanoseconds)) {
        return fault("it is damaged (no uuid or clock)");
    }
    made.uuid = *uuid;
    made.wall_offset_ns = (seconds * 1'000'000'000) + nanoseconds;
    made.release = values["kernel_release"].value_or("");
    bool any = false;
    for (std::size_t kind = 0; kind < made.kinds.size(); kind++) {
        const auto value = values[fmt::format("nstrail_layout_{}", kind)];
        if (value && !read_layout(*value, made.kinds[kind])) {
            return fault(fmt::format("it is damaged (the layout of kind {})", kind));
        }
        any = any || value;
    }
    if (!any) {
        return fault("it is damaged (it describes no events)");
    }
    return made;
}

}  // namespace nstrail

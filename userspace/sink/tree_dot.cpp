// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "base/text.hpp"
#include "model/who.hpp"
#include "sink/tree.hpp"

namespace nstrail {

namespace {

/// A quoted string of the DOT language, for a label: a backslash would begin an escape, an
/// ampersand an entity of HTML.
std::string dot_quote(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '&':
                out += "&amp;";
                break;
            case '\n':
                out += "\\n";
                break;
            default:
                out += c;
        }
    }
    return out + '"';
}

/// A node is named by type, number and generation: none is there twice, and the same one has the
/// same name at any moment.
std::string node(const Namespace& ns) {
    return fmt::format("\"{}_{}_{}\"", type_name(ns.type()), ns.inum(), ns.gen());
}

std::string name(const Namespace& ns) {
    return fmt::format("{}:[{}]{}", type_name(ns.type()), ns.inum(),
                       ns.gen() > 1 ? fmt::format(" gen {}", ns.gen()) : "");
}

bool hierarchical(const Namespace& ns) {
    return ns.type() == NST_ns_type_pid || ns.type() == NST_ns_type_user;
}

std::string label(const Namespace& ns, const Who& who) {
    const NsRecord& record = ns.record();
    std::string text = name(ns) + '\n';
    if (hierarchical(ns) && (record.facts || record.parent != 0)) {
        text += fmt::format("level {}, ", record.level);
    }
    const Population all = ns.population();
    text += fmt::format("{}, {} task{}", ns_state_name(ns.state()), all.alive(),
                        all.alive() == 1 ? "" : "s");
    if (all.zombies != 0) {
        text += fmt::format(", {} zombie{}", all.zombies, all.zombies == 1 ? "" : "s");
    }
    if (const auto reaper = ns.reaper()) {
        text += fmt::format("\ninit {} ({})", printable(reaper->comm()), reaper->tid());
    }
    if (const Whereabouts* here = who.of(ns); here != nullptr && !here->container.empty()) {
        text += '\n' + container_words(*here);
    }
    return text + (record.certain ? "" : "\nnot certain");
}

std::string_view colour(NsState state) {
    switch (state) {
        case NsState::dying:
        case NsState::zapping:
            return ", color=red";
        case NsState::empty:
        case NsState::gone:
            return ", color=gray, fontcolor=gray40";
        case NsState::alive:
            break;
    }
    return "";
}

}  // namespace

std::string tree_dot(const View& view, const TreeOptions& options) {
    fmt::memory_buffer out;
    const auto put = [&]<class... Args>(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    };
    const nst_session& session = view.session();
    std::string title = fmt::format("namespaces at {} (boot {})",
                                    rfc3339(session.wall_offset_ns + view.at_boot_ns()),
                                    printable(text_of(session.boot_id, sizeof(session.boot_id))));
    if (const std::string why = doubt(view, options.note); !why.empty()) {
        title += "\nnote: " + why;
    }
    put("digraph namespaces {{\n  label={};\n  labelloc=t;\n  rankdir=LR;\n"
        "  node [shape=box, fontsize=10];\n",
        dot_quote(title));

    const Who who(view);
    const std::vector<Namespace> all = view.namespaces();
    const auto write = [&](const Namespace& ns, std::string_view indent) {
        put("{}{} [label={}{}{}];\n", indent, node(ns), dot_quote(label(ns, who)),
            colour(ns.state()), ns.record().certain ? "" : ", style=dashed");
    };
    // A box for each user namespace, around itself and what it owns. Of what is not known by whom
    // it is owned there is no box.
    std::map<std::uint32_t, std::vector<const Namespace*>> owned;
    for (const Namespace& ns : all) {
        const auto owner = ns.type() == NST_ns_type_user ? ns : ns.owner();
        const bool known = owner && owner->type() == NST_ns_type_user;
        owned[known ? owner->inum() : 0].push_back(&ns);
    }
    for (const auto& [owner, members] : owned) {
        const auto box = owner == 0 ? std::nullopt : view.ns(owner);
        if (box) {
            put("  subgraph cluster_{} {{\n    label={};\n    color=gray;\n", owner,
                dot_quote("owned by " + name(*box)));
        }
        for (const Namespace* ns : members) {
            write(*ns, box ? "    " : "  ");
        }
        if (box) {
            put("  }}\n");
        }
    }
    for (const Namespace& ns : all) {
        const auto parent = hierarchical(ns) ? ns.parent() : std::nullopt;
        if (parent && parent->type() == ns.type()) {
            put("  {} -> {}{};\n", node(*parent), node(ns),
                ns.record().certain && parent->record().certain ? "" : " [style=dashed]");
        }
    }
    put("}}\n");
    return fmt::to_string(out);
}

}  // namespace nstrail

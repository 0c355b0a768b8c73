// SPDX-License-Identifier: Apache-2.0
// The namespace hierarchy, written for programs and for people.
#pragma once

#include <string>
#include <vector>

#include "model/container.hpp"
#include "model/view.hpp"

namespace nstrail {

struct Blocker;

struct TreeOptions {
    bool tasks = false;         ///< every task, too
    std::vector<NsType> types;  ///< only these; empty = all
    std::string note;           ///< what else a reader must know, added to the doubt
};

/// The document nstrail.tree/1. Ends without a newline. Tasks are written only where asked for.
[[nodiscard]] std::string tree_json(const View& view, const TreeOptions& options);

/// One of its namespaces, or of its tasks: the object that the document has of it. Each walks over
/// all tasks, to know whose containers they are.
[[nodiscard]] std::string namespace_json(const View& view, const Namespace& ns);
[[nodiscard]] std::string task_json(const View& view, const Task& task);
/// "at", "at_boot_ns" and "certain" as every document of a View has them: members of an object.
[[nodiscard]] std::string moment_json(const View& view);

/// The same for a terminal: pid and user namespaces as trees, the others by owner.
[[nodiscard]] std::string tree_text(const View& view, const TreeOptions& options);

/// The same for Graphviz: a box for each user namespace around what it owns, and arrows from the
/// parents of pid and user namespaces. Of the options only the note counts.
[[nodiscard]] std::string tree_dot(const View& view, const TreeOptions& options);

/// "docker 3f2a51c0b9d8": the runtime, and the container's name or, as people know it, the first 12
/// digits of its id.
[[nodiscard]] std::string container_words(const Whereabouts& here);

/// "sh (812), a zombie of make (700) for 4.2s": what holds up the end of a pid namespace.
[[nodiscard]] std::string blocker_words(const View& view, const Blocker& blocker);

/// Why the state may not be the whole truth, in a sentence or two; empty if there is nothing to
/// say.
[[nodiscard]] std::string doubt(const View& view, const std::string& note = {});

}  // namespace nstrail

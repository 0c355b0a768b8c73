// SPDX-License-Identifier: Apache-2.0
#include "model/container.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

namespace nstrail {

namespace {

/// What the cgroup around a container's must be.
enum class Below : std::uint8_t {
    any,
    parent,         ///< the one that the form names
    pod,            ///< a Kubernetes pod's, cgroupfs driver
    ecs_task,       ///< /ecs/<task>, or /ecs/<cluster>/<task> with long resource names
    machine_slice,  ///< machine.slice or a slice in it
};

enum class Id : std::uint8_t {
    hex64,
    name,  ///< anything
    unit,  ///< anything, as systemd escapes it
};

/// How a runtime names the cgroup of a container: prefix, stem and id, suffix. The stem is part of
/// the id.
struct Form {
    std::string_view runtime;
    std::string_view parent = {};
    std::string_view prefix = {};
    std::string_view stem = {};
    std::string_view suffix = {};
    std::string_view supervisor = {};  ///< child cgroup of what runs the container and is not in it
    Below below = Below::any;
    Id id = Id::hex64;
};

// The first that fits counts. Monitors of containers (libpod-conmon-<id>.scope,
// crio-conmon-<id>.scope, lxc.monitor.NAME) fit none, as they are not in the container.
constexpr Form forms[] = {
    // The systemd cgroup driver, in whatever slice.
    {.runtime = "docker", .prefix = "docker-", .suffix = ".scope"},
    {.runtime = "cri-containerd", .prefix = "cri-containerd-", .suffix = ".scope"},
    {.runtime = "containerd", .prefix = "containerd-", .suffix = ".scope"},
    {.runtime = "cri-o", .prefix = "crio-", .suffix = ".scope"},
    {.runtime = "podman", .prefix = "libpod-", .suffix = ".scope"},
    {.runtime = "nerdctl", .prefix = "nerdctl-", .suffix = ".scope"},
    // podman --cgroups=split, within the service that started it.
    {.runtime = "podman", .prefix = "libpod-payload-"},
    // The cgroupfs driver.
    {.runtime = "podman", .prefix = "libpod-"},
    {.runtime = "cri-o", .prefix = "crio-"},
    {.runtime = "docker", .parent = "docker", .below = Below::parent},
    {.runtime = "", .below = Below::pod},
    // containerd's own choice is /<containerd namespace>/<id>: these are nerdctl's and the CRI's.
    {.runtime = "containerd", .parent = "default", .below = Below::parent},
    {.runtime = "cri-containerd", .parent = "k8s.io", .below = Below::parent},
    {.runtime = "ecs", .below = Below::ecs_task},
    // LXC 4 and later; 3.1; older ones.
    {.runtime = "lxc", .prefix = "lxc.payload.", .id = Id::name},
    {.runtime = "lxc", .parent = "lxc.payload", .below = Below::parent, .id = Id::name},
    {.runtime = "lxc", .parent = "lxc", .below = Below::parent, .id = Id::name},
    // machined's scopes: libvirt's machines have names like qemu-1-NAME. A virtual machine is no
    // container, but is told apart in the same way.
    {.runtime = "libvirt",
     .prefix = "machine-",
     .stem = R"(qemu\x2d)",
     .suffix = ".scope",
     .below = Below::machine_slice,
     .id = Id::unit},
    {.runtime = "libvirt",
     .prefix = "machine-",
     .stem = R"(lxc\x2d)",
     .suffix = ".scope",
     .below = Below::machine_slice,
     .id = Id::unit},
    {.runtime = "libvirt", .suffix = ".libvirt-qemu", .id = Id::name},
    {.runtime = "libvirt", .suffix = ".libvirt-lxc", .id = Id::name},
    {.runtime = "systemd-nspawn",
     .prefix = "machine-",
     .suffix = ".scope",
     .supervisor = "supervisor",
     .below = Below::machine_slice,
     .id = Id::unit},
    {.runtime = "systemd-nspawn",
     .prefix = "systemd-nspawn@",
     .suffix = ".service",
     .supervisor = "supervisor",
     .id = Id::unit},
};

constexpr bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_hex(std::string_view text, std::size_t length) {
    return text.size() == length && std::ranges::all_of(text, [](char c) { return is_hex(c); });
}

/// Removes a prefix or a suffix; says whether it was there and something is left.
bool strip_prefix(std::string_view& text, std::string_view prefix) {
    if (text.size() <= prefix.size() || !text.starts_with(prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    return true;
}
bool strip_suffix(std::string_view& text, std::string_view suffix) {
    if (text.size() <= suffix.size() || !text.ends_with(suffix)) {
        return false;
    }
    text.remove_suffix(suffix.size());
    return true;
}

/// Undoes systemd's unit_name_escape() for characters: "\x2d" becomes "-". What is no escape, or
/// would be a NUL, stays.
std::string unescape(std::string_view text) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        if (text.size() >= 4 && text.starts_with("\\x") && is_hex(text[2]) && is_hex(text[3]) &&
            text.substr(2, 2) != "00") {
            out += static_cast<char>(digit(text[2]) * 16 + digit(text[3]));
            text.remove_prefix(4);
        } else {
            out += text[0];
            text.remove_prefix(1);
        }
    }
    return out;
}

// ---- pods

/// A pod's uid: 8-4-4-4-12 hexadecimal digits with `dash` between, or the 32 of a static pod.
std::optional<std::string> pod_uid(std::string_view text, char dash) {
    if (is_hex(text, 32)) {
        return std::string(text);
    }
    constexpr std::array<std::size_t, 4> dashes = {8, 13, 18, 23};
    if (text.size() != 36) {
        return std::nullopt;
    }
    std::string uid(text);
    for (std::size_t i = 0; i < text.size(); i++) {
        if (std::ranges::find(dashes, i) != dashes.end()) {
            if (text[i] != dash) {
                return std::nullopt;
            }
            uid[i] = '-';
        } else if (!is_hex(text[i])) {
            return std::nullopt;
        }
    }
    return uid;
}

/// "kubepods-burstable-pod<uid>.slice", with the kubelet's cgroup root before it if there is one;
/// "machine-libpod_pod_<id>.slice".
std::optional<std::string> pod_of_slice(std::string_view slice) {
    if (!strip_suffix(slice, ".slice")) {
        return std::nullopt;
    }
    constexpr std::string_view podman = "libpod_pod_";
    if (const auto at = slice.rfind(podman); at != std::string_view::npos) {
        const std::string_view id = slice.substr(at + podman.size());
        return is_hex(id, 64) ? std::optional(std::string(id)) : std::nullopt;
    }
    constexpr std::string_view pod = "-pod";
    const auto at = slice.rfind(pod);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view root = slice.substr(0, at);
    if (!strip_suffix(root, "-burstable")) {
        strip_suffix(root, "-besteffort");
    }
    if (root != "kubepods" && !root.ends_with("-kubepods")) {
        return std::nullopt;
    }
    return pod_uid(slice.substr(at + pod.size()), '_');
}

/// "pod<uid>" below kubepods or one of its QoS classes.
std::optional<std::string> pod_of_directory(std::string_view name, std::string_view parent,
                                            std::string_view grandparent) {
    const bool guaranteed = parent == "kubepods";
    const bool other =
        (parent == "burstable" || parent == "besteffort") && grandparent == "kubepods";
    if ((!guaranteed && !other) || !strip_prefix(name, "pod")) {
        return std::nullopt;
    }
    return pod_uid(name, '-');
}

// ---- units

constexpr std::string_view slice_suffix = ".slice";

/// The types of units that have cgroups with tasks.
bool is_unit(std::string_view name) {
    return std::ranges::any_of(
        std::array<std::string_view, 5>{".service", ".scope", ".socket", ".mount", ".swap"},
        [&](std::string_view suffix) { return strip_suffix(name, suffix); });
}

/// A user's or a capsule's service manager, which has units of its own below it.
bool is_manager(std::string_view name) {
    return (name.starts_with("user@") || name.starts_with("capsule@")) &&
           name.ends_with(".service");
}

/// Finds the unit as systemd's cg_path_get_unit() and cg_path_get_user_unit() do: the first that is
/// no slice. What is deeper was made by the unit itself, whatever it is called.
class UnitFinder {
public:
    void next(std::string_view name) {
        if (done_) {
            return;
        }
        // cg_escape() avoids clashes with the kernel's own file names.
        if (name.starts_with('_')) {
            name.remove_prefix(1);
        }
        if (name.size() > slice_suffix.size() && name.ends_with(slice_suffix)) {
            slice_ = name;
        } else if (is_unit(name)) {
            unit_ = name;
            done_ = !is_manager(name);
        } else {
            done_ = true;
        }
    }
    /// What follows is a container's.
    void stop() { done_ = true; }
    [[nodiscard]] std::string_view unit() const { return unit_; }
    [[nodiscard]] std::string_view unit_or_slice() const { return unit_.empty() ? slice_ : unit_; }

private:
    std::string_view unit_;
    std::string_view slice_;
    bool done_ = false;
};

// ---- containers

/// The components of a path before the one looked at, nearest first; empty = there is none.
struct Above {
    std::array<std::string_view, 3> names;
    bool pod = false;  ///< the nearest is a Kubernetes pod's, cgroupfs driver

    void push(std::string_view name) { names = {name, names[0], names[1]}; }
};

bool fits(const Form& form, const Above& above) {
    const auto& names = above.names;
    switch (form.below) {
        case Below::any:
            return true;
        case Below::parent:
            return names[0] == form.parent;
        case Below::pod:
            return above.pod;
        case Below::ecs_task:
            return names[1] == "ecs" || (names[2] == "ecs" && !names[0].empty());
        case Below::machine_slice:
            return names[0] == "machine.slice" ||
                   (names[0].starts_with("machine-") && names[0].ends_with(slice_suffix));
    }
    __builtin_unreachable();
}

/// The container's id if the component is its cgroup.
std::optional<std::string> match(const Form& form, std::string_view name, const Above& above) {
    if (!form.prefix.empty() && !strip_prefix(name, form.prefix)) {
        return std::nullopt;
    }
    if (!form.suffix.empty() && !strip_suffix(name, form.suffix)) {
        return std::nullopt;
    }
    if (!name.starts_with(form.stem) || name.size() == form.stem.size() ||
        (form.id == Id::hex64 && !is_hex(name, 64)) || !fits(form, above)) {
        return std::nullopt;
    }
    return form.id == Id::unit ? unescape(name) : std::string(name);
}

struct Found {
    const Form* form;
    std::string id;
};

/// "SLICE:NAME:ID", how runc asks systemd for the scope NAME-ID.scope in SLICE. With the cgroupfs
/// driver it becomes a directory of that very name.
std::optional<Found> find_unsplit(std::string_view name) {
    const auto last = name.rfind(':');
    const auto first =
        last == std::string_view::npos || last == 0 ? last : name.rfind(':', last - 1);
    if (last == std::string_view::npos || first == std::string_view::npos || first == last ||
        !is_hex(name.substr(last + 1), 64)) {
        return std::nullopt;
    }
    const std::string_view runtime = name.substr(first + 1, last - first - 1);
    for (const Form& form : forms) {
        if (form.suffix == ".scope" && form.id == Id::hex64 &&
            form.prefix.substr(0, form.prefix.size() - 1) == runtime) {
            return Found{.form = &form, .id = std::string(name.substr(last + 1))};
        }
    }
    return std::nullopt;
}

std::optional<Found> find_container(std::string_view name, const Above& above) {
    for (const Form& form : forms) {
        if (auto id = match(form, name, above)) {
            return Found{.form = &form, .id = std::move(*id)};
        }
    }
    return find_unsplit(name);
}

}  // namespace

Whereabouts parse_cgroup_path(std::string_view path) {
    Whereabouts here;
    Whereabouts outside;  // of the container found last
    const Form* entered = nullptr;
    std::string_view own_unit;  // of the container found last
    UnitFinder unit;
    Above above;
    while (!path.empty()) {
        const std::string_view name = path.substr(0, path.find('/'));
        path.remove_prefix(std::min(name.size() + 1, path.size()));
        // A reader in a cgroup namespace sees what is outside of it through "..".
        if (name.empty() || name == "..") {
            continue;
        }
        if (entered != nullptr && !entered->supervisor.empty() && name == entered->supervisor) {
            here = outside;
            if (here.container.empty() && here.unit.empty()) {
                here.unit = unescape(own_unit);
            }
        }
        entered = nullptr;

        const auto directory = pod_of_directory(name, above.names[0], above.names[1]);
        auto pod = directory ? directory : pod_of_slice(name.substr(0, name.find(':')));
        if (pod) {
            here.pod = std::move(*pod);
        }
        if (auto found = find_container(name, above)) {
            unit.stop();
            outside = here;
            const bool outermost = here.container.empty();
            here.runtime = found->form->runtime;
            here.container = std::move(found->id);
            if (outermost) {
                own_unit = name;
                here.unit = unescape(
                    unit.unit().empty() && name.ends_with(".service") ? name : unit.unit());
            }
            entered = found->form;
        } else {
            unit.next(name);
        }
        above.push(name);
        above.pod = directory.has_value();
    }
    if (here.container.empty() && here.unit.empty()) {
        here.unit = unescape(unit.unit_or_slice());
    }
    return here;
}

}  // namespace nstrail

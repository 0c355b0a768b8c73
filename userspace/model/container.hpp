// SPDX-License-Identifier: Apache-2.0
// Which container, pod or service a cgroup belongs to, as its path tells.
#pragma once

#include <string>
#include <string_view>

namespace nstrail {

/// What a cgroup's path says of the tasks in it. Empty = it does not say; nothing is guessed.
struct Whereabouts {
    /// Who made the container: "docker", "podman", "cri-o", "cri-containerd", "containerd",
    /// "nerdctl", "ecs", "lxc", "systemd-nspawn", "libvirt". Points to static storage. May be empty
    /// where the container is known: Kubernetes with the cgroupfs driver names only the id.
    std::string_view runtime;
    /// The container's id (64 hexadecimal digits) or name; of nested ones the innermost.
    std::string container;
    /// Uid of the innermost Kubernetes pod around it, as the API server writes it (with dashes,
    /// except for the hash of a static pod), or id of the podman pod.
    std::string pod;
    /// The systemd unit, as systemctl would list it but unescaped, of the host's manager or of a
    /// user's: a service or scope, else the slice. For a container only the service or scope that
    /// it runs in: its own scope says nothing more, and units inside it are its own affair.
    std::string unit;

    [[nodiscard]] bool operator==(const Whereabouts&) const = default;
};

/// `path` is that of a cgroup in the unified hierarchy, seen from its root, e.g.
/// "/system.slice/docker-<id>.scope/init.scope"; any bytes will do. Linear in its length.
/// Names come out as they are in the path: whoever shows them escapes them.
[[nodiscard]] Whereabouts parse_cgroup_path(std::string_view path);

}  // namespace nstrail

// SPDX-License-Identifier: Apache-2.0
// model/container: what a cgroup's path says of the tasks in it, form by form.
#include "model/container.hpp"

#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace nstrail {

/// For messages of failed tests; found by its argument.
void PrintTo(const Whereabouts& here, std::ostream* out) {
    *out << "{runtime " << here.runtime << ", container " << here.container << ", pod " << here.pod
         << ", unit " << here.unit << "}";
}

}  // namespace nstrail

namespace nstrail::test {
namespace {

const std::string id = "0f1e2d3c4b5a69788796a5b4c3d2e1f00123456789abcdef0123456789abcdef";
const std::string id2 = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const std::string uid = "1b2c3d4e-5f60-4718-92a3-b4c5d6e7f809";
const std::string uid_ = "1b2c3d4e_5f60_4718_92a3_b4c5d6e7f809";
const std::string hash = "d8f3f5a2b1c0e9d8c7b6a5948372615f";  // a static pod's uid

struct Case {
    std::string path;
    Whereabouts expected;
};

void expect_all(const std::vector<Case>& cases) {
    for (const Case& one : cases) {
        EXPECT_EQ(parse_cgroup_path(one.path), one.expected) << one.path;
        // The slash in front and one behind say nothing.
        EXPECT_EQ(parse_cgroup_path(one.path.substr(1)), one.expected) << one.path;
        EXPECT_EQ(parse_cgroup_path(one.path + "/"), one.expected) << one.path;
    }
}

Whereabouts container(std::string_view runtime, std::string name, std::string pod = "",
                      std::string unit = "") {
    return {.runtime = runtime,
            .container = std::move(name),
            .pod = std::move(pod),
            .unit = std::move(unit)};
}

Whereabouts unit(std::string name) {
    return {.runtime = {}, .container = {}, .pod = {}, .unit = std::move(name)};
}

TEST(Container, OfDocker) {
    expect_all({
        {"/system.slice/docker-" + id + ".scope", container("docker", id)},
        {"/docker/" + id, container("docker", id)},
        {"/batch.slice/batch-night.slice/docker-" + id + ".scope", container("docker", id)},
        {"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + id + ".scope",
         container("docker", id, "", "user@1000.service")},
        {"/system.slice:docker:" + id, container("docker", id)},
        // In docker: the innermost.
        {"/docker/" + id + "/docker/" + id2, container("docker", id2)},
        {"/system.slice/docker-" + id + ".scope/docker/" + id2, container("docker", id2)},
        {"/docker/" + id + "/system.slice/docker-" + id2 + ".scope", container("docker", id2)},
        // Seen from another container's cgroup namespace.
        {"/../../docker/" + id, container("docker", id)},
    });
}

TEST(Container, OfPodman) {
    const std::string user = "/user.slice/user-1000.slice/user@1000.service";
    expect_all({
        {"/machine.slice/libpod-" + id + ".scope", container("podman", id)},
        {"/machine.slice/libpod-" + id + ".scope/container", container("podman", id)},
        {"/libpod_parent/libpod-" + id, container("podman", id)},
        {"/machine.slice:libpod:" + id, container("podman", id)},
        {user + "/user.slice/libpod-" + id + ".scope",
         container("podman", id, "", "user@1000.service")},
        {user + "/user.slice/libpod-" + id + ".scope/container",
         container("podman", id, "", "user@1000.service")},
        // In a pod of podman's.
        {"/machine.slice/machine-libpod_pod_" + id2 + ".slice/libpod-" + id + ".scope/container",
         container("podman", id, id2)},
        {user + "/user.slice/user-libpod_pod_" + id2 + ".slice/libpod-" + id + ".scope",
         container("podman", id, id2, "user@1000.service")},
        // In the service that started it.
        {"/system.slice/web.service/libpod-payload-" + id,
         container("podman", id, "", "web.service")},
        {user + "/app.slice/web@8000.service/libpod-payload-" + id + "/sub",
         container("podman", id, "", "web@8000.service")},
    });
}

TEST(Container, OfKubernetes) {
    expect_all({
        // systemd driver: burstable, best effort, guaranteed.
        {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + uid_ +
             ".slice/cri-containerd-" + id + ".scope",
         container("cri-containerd", id, uid)},
        {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + uid_ +
             ".slice/crio-" + id + ".scope",
         container("cri-o", id, uid)},
        {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + uid_ +
             ".slice/crio-" + id + ".scope/container",
         container("cri-o", id, uid)},
        {"/kubepods.slice/kubepods-pod" + uid_ + ".slice/docker-" + id + ".scope",
         container("docker", id, uid)},
        {"/kubepods.slice/kubepods-pod" + uid_ + ".slice/containerd-" + id + ".scope",
         container("containerd", id, uid)},
        // cgroupfs driver.
        {"/kubepods/burstable/pod" + uid + "/" + id, container("", id, uid)},
        {"/kubepods/besteffort/pod" + uid + "/" + id, container("", id, uid)},
        {"/kubepods/pod" + uid + "/" + id, container("", id, uid)},
        {"/kubepods/pod" + uid + "/crio-" + id, container("cri-o", id, uid)},
        {"/k8s.io/" + id, container("cri-containerd", id)},
        // Static pods.
        {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + hash +
             ".slice/cri-containerd-" + id + ".scope",
         container("cri-containerd", id, hash)},
        {"/kubepods/burstable/pod" + hash + "/" + id, container("", id, hash)},
        // runc told to use cgroupfs and given a name for systemd.
        {"/kubepods-besteffort-pod" + uid_ + ".slice:cri-containerd:" + id,
         container("cri-containerd", id, uid)},
        {"/system.slice/containerd.service/kubepods-burstable-pod" + uid_ +
             ".slice:cri-containerd:" + id,
         container("cri-containerd", id, uid, "containerd.service")},
        {"/kubepods.slice/kubepods-pod" + uid_ + ".slice:crio:" + id, container("cri-o", id, uid)},
    });
}

TEST(Container, OfClustersInContainers) {
    const std::string node = "/system.slice/docker-" + id2 + ".scope";
    expect_all({
        // kind: the pods are below a slice of the kubelet's.
        {node +
             "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
             "kubelet-kubepods-besteffort-pod" +
             uid_ + ".slice/cri-containerd-" + id + ".scope",
         container("cri-containerd", id, uid)},
        {"/docker/" + id2 + "/kubelet/kubepods/burstable/pod" + uid + "/" + id,
         container("", id, uid)},
        // minikube with cri-o; k3s in docker.
        {"/docker/" + id2 + "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" +
             uid_ + ".slice/crio-" + id + ".scope",
         container("cri-o", id, uid)},
        {"/docker/" + id2 + "/kubepods/besteffort/pod" + uid + "/" + id, container("", id, uid)},
        // What the node runs itself is the node's.
        {node + "/init.scope", container("docker", id2)},
        {node + "/system.slice/containerd.service", container("docker", id2)},
        {node + "/kubelet.slice/kubelet.service", container("docker", id2)},
        // Docker in a pod is in that pod.
        {"/kubepods/burstable/pod" + uid + "/" + id + "/docker/" + id2,
         container("docker", id2, uid)},
    });
}

TEST(Container, OfOtherEngines) {
    expect_all({
        {"/default/" + id, container("containerd", id)},
        {"/system.slice/nerdctl-" + id + ".scope", container("nerdctl", id)},
        {"/user.slice/user-1000.slice/user@1000.service/user.slice/nerdctl-" + id + ".scope",
         container("nerdctl", id, "", "user@1000.service")},
        {"/ecs/0123456789abcdef0123456789abcdef/" + id, container("ecs", id)},
        {"/ecs/6f1e9a54-c5a2-4a2f-8f5e-1d2c3b4a5968/" + id, container("ecs", id)},
        {"/ecs/web-cluster/0123456789abcdef0123456789abcdef/" + id, container("ecs", id)},
        {"/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-" + id + ".scope",
         container("docker", id)},
    });
}

TEST(Container, OfMachines) {
    expect_all({
        {"/lxc.payload.mail", container("lxc", "mail")},
        {"/lxc.payload.mail/system.slice/postfix.service", container("lxc", "mail")},
        {"/lxc.payload.user-1000_a.b/init.scope", container("lxc", "user-1000_a.b")},
        {"/lxc.payload/mail/init.scope", container("lxc", "mail")},
        {"/lxc/101/ns/init.scope", container("lxc", "101")},
        {"/lxc.payload.outer/lxc.payload.inner/init.scope", container("lxc", "inner")},
        {"/lxc.payload.outer/docker/" + id, container("docker", id)},
        {"/machine.slice/machine-web.scope", container("systemd-nspawn", "web")},
        {"/machine.slice/machine-web.scope/payload/system.slice/nginx.service",
         container("systemd-nspawn", "web")},
        {R"(/machine.slice/machine-web\x2dfront.scope)", container("systemd-nspawn", "web-front")},
        {"/machine.slice/machine-prod.slice/machine-web.scope/payload",
         container("systemd-nspawn", "web")},
        {"/machine.slice/systemd-nspawn@web.service/payload/init.scope",
         container("systemd-nspawn", "web", "", "systemd-nspawn@web.service")},
        {R"(/machine.slice/systemd-nspawn@web\x2dfront.service)",
         container("systemd-nspawn", "web-front", "", "systemd-nspawn@web-front.service")},
        {R"(/machine.slice/machine-qemu\x2d1\x2dubuntu20.04.scope/libvirt/emulator)",
         container("libvirt", "qemu-1-ubuntu20.04")},
        {R"(/machine.slice/machine-lxc\x2d1268\x2dsl.scope)", container("libvirt", "lxc-1268-sl")},
        {"/machine/lxc-1268-sl.libvirt-lxc", container("libvirt", "lxc-1268-sl")},
        {"/machine/qemu-1-vm.libvirt-qemu/emulator", container("libvirt", "qemu-1-vm")},
    });
}

TEST(Container, IsNotWhatWatchesOverIt) {
    Whereabouts conmon = unit("crio-conmon-" + id + ".scope");
    conmon.pod = uid;
    expect_all({
        {"/machine.slice/libpod-conmon-" + id + ".scope", unit("libpod-conmon-" + id + ".scope")},
        {"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-conmon-" + id + ".scope",
         unit("libpod-conmon-" + id + ".scope")},
        {"/libpod_parent/conmon", {}},
        {"/libpod_parent/libpod-conmon-" + id, {}},
        {"/system.slice/web.service/runtime", unit("web.service")},
        {"/kubepods.slice/kubepods-pod" + uid_ + ".slice/crio-conmon-" + id + ".scope", conmon},
        {"/kubepods/pod" + uid + "/crio-conmon-" + id,
         {.runtime = {}, .container = {}, .pod = uid, .unit = {}}},
        {"/lxc.monitor.mail", {}},
        {"/lxc.monitor/mail", {}},
        {"/machine.slice/machine-web.scope/supervisor", unit("machine-web.scope")},
        {"/machine.slice/systemd-nspawn@web.service/supervisor",
         unit("systemd-nspawn@web.service")},
        {"/docker/" + id + "/machine.slice/machine-web.scope/supervisor", container("docker", id)},
        // Only where systemd-nspawn puts it.
        {"/machine.slice/machine-web.scope/payload/supervisor", container("systemd-nspawn", "web")},
        {"/docker/" + id + "/supervisor", container("docker", id)},
        {"/user.slice/user-1000.slice/user@1000.service/user.slice/podman-4242.scope",
         unit("podman-4242.scope")},
    });
}

TEST(Container, IsNotWhatOnlyLooksLikeOne) {
    const std::string shorter = id.substr(1);
    const std::string longer = id + "0";
    std::string upper = id;
    upper[1] = 'F';
    std::string other = id;
    other[40] = 'g';
    for (const std::string& name : {id.substr(0, 12), shorter, longer, upper, other}) {
        EXPECT_EQ(parse_cgroup_path("/docker/" + name), Whereabouts{}) << name;
        EXPECT_EQ(parse_cgroup_path("/default/" + name), Whereabouts{}) << name;
        EXPECT_EQ(parse_cgroup_path("/libpod_parent/libpod-" + name), Whereabouts{}) << name;
        const std::string scope = "docker-" + name + ".scope";
        EXPECT_EQ(parse_cgroup_path("/system.slice/" + scope), unit(scope));
        EXPECT_EQ(parse_cgroup_path("/kubepods/pod" + uid + "/" + name).container, "");
        EXPECT_EQ(parse_cgroup_path("/a.slice:docker:" + name), Whereabouts{}) << name;
    }
    expect_all({
        // An id under a parent that someone chose (docker --cgroup-parent): whose it is, and
        // whether it is a container, the path does not say.
        {"/mine/" + id, {}},
        {"/" + id, {}},
        {"/docker/sub/" + id, {}},
        {"/ecs/" + id, {}},
        {"/docker", {}},
        {"/lxc", {}},
        {"/lxc.payload.", {}},
        {"/system.slice/docker-.scope", unit("docker-.scope")},
        {"/system.slice/docker" + id + ".scope", unit("docker" + id + ".scope")},
        {"/system.slice/xdocker-" + id + ".scope", unit("xdocker-" + id + ".scope")},
        {"/system.slice/docker-" + id + ".scopes", unit("system.slice")},
        {"/system.slice/docker-" + id, unit("system.slice")},
        {"/system.slice/docker.service", unit("docker.service")},
        {"/a:b:" + id, {}},
        {"/:docker:" + id, container("docker", id)},
        {"/docker:" + id, {}},
        {"/::" + id, {}},
        // machined's scopes are in its slice.
        {"/system.slice/machine-web.scope", unit("machine-web.scope")},
        {"/machine.slice/machine-.scope", unit("machine-.scope")},
        {R"(/machine.slice/machine-qemu\x2d.scope)", container("systemd-nspawn", "qemu-")},
        {"/system.slice/systemd-nspawn@.service", unit("systemd-nspawn@.service")},
    });
}

TEST(Container, PodsAreKnownWithoutAContainerToo) {
    const std::string slice = "kubepods-burstable-pod" + uid_ + ".slice";
    expect_all({
        {"/kubepods.slice/kubepods-burstable.slice/" + slice,
         {.runtime = {}, .container = {}, .pod = uid, .unit = slice}},
        {"/kubepods/burstable/pod" + uid, {.runtime = {}, .container = {}, .pod = uid, .unit = {}}},
    });
    // Look alike.
    for (const std::string& path :
         {"/pod" + uid, "/burstable/pod" + uid, "/mine/burstable/pod" + uid, "/kubepods/" + uid,
          "/kubepods/pod" + uid_, "/kubepods/pod" + uid.substr(1), "/kubepods/pod" + hash + "0",
          std::string("/kubepods/pod"), "/kubepods.slice/kubepods-pod" + uid + ".slice",
          "/kubepods.slice/kubepods-pod" + uid_, "/x.slice/x-pod" + uid_ + ".slice",
          "/x.slice/xkubepods-pod" + uid_ + ".slice",
          "/x.slice/kubepods-guaranteed-pod" + uid_ + ".slice",
          "/x.slice/machine-libpod_pod_" + uid_ + ".slice", std::string("/-pod.slice"),
          std::string("/pod.slice")}) {
        EXPECT_EQ(parse_cgroup_path(path).pod, "") << path;
    }
}

TEST(Unit, OfTheHost) {
    expect_all({
        {"/init.scope", unit("init.scope")},
        {"/system.slice", unit("system.slice")},
        {"/system.slice/sshd.service", unit("sshd.service")},
        {"/system.slice/system-getty.slice/getty@tty1.service", unit("getty@tty1.service")},
        {"/system.slice/dbus.socket", unit("dbus.socket")},
        {"/system.slice/dev-hugepages.mount", unit("dev-hugepages.mount")},
        {"/user.slice/user-1000.slice", unit("user-1000.slice")},
        {"/user.slice/user-1000.slice/session-3.scope", unit("session-3.scope")},
        // What a service makes of its own cgroup is its own affair.
        {"/system.slice/docker.service/other.service", unit("docker.service")},
        {"/system.slice/systemd-udevd.service/udev", unit("systemd-udevd.service")},
        {"/mine/sshd.service", {}},
        {"/system.slice/mine/sshd.service", unit("system.slice")},
        {"/.service", {}},
        {"/.slice", {}},
    });
}

TEST(Unit, OfAUser) {
    const std::string user = "/user.slice/user-1000.slice/user@1000.service";
    expect_all({
        {user, unit("user@1000.service")},
        {user + "/init.scope", unit("init.scope")},
        {user + "/app.slice", unit("user@1000.service")},
        {user + "/app.slice/app-gnome-firefox-4242.scope", unit("app-gnome-firefox-4242.scope")},
        {user + "/session.slice/org.gnome.Shell@wayland.service",
         unit("org.gnome.Shell@wayland.service")},
        {user + "/app.slice/web.service/sub/other.scope", unit("web.service")},
        {"/capsule.slice/capsule@one.service/app.slice/web.service", unit("web.service")},
    });
}

TEST(Unit, IsUnescapedForPeople) {
    expect_all({
        {R"(/system.slice/system-systemd\x2dfsck.slice)", unit("system-systemd-fsck.slice")},
        {R"(/system.slice/home-user-a\x20b.mount)", unit("home-user-a b.mount")},
        {R"(/system.slice/caf\xc3\xa9.service)", unit("caf\xC3\xA9.service")},
        {"/system.slice/_cgroup.procs.service", unit("cgroup.procs.service")},
        // No escapes.
        {R"(/system.slice/a\x00b.service)", unit(R"(a\x00b.service)")},
        {R"(/system.slice/a\x2.service)", unit(R"(a\x2.service)")},
        {R"(/system.slice/a\x2D.service)", unit(R"(a\x2D.service)")},
        {R"(/system.slice/a\\x2d.service)", unit(R"(a\-.service)")},
    });
}

TEST(Container, OddInputSaysNothingAndBreaksNothing) {
    for (const std::string& path :
         {std::string(), std::string("/"), std::string("//"), std::string("///////"),
          std::string("/.."), std::string("\0", 1), std::string("/\0/", 3), std::string(":"),
          std::string("::"), std::string(":::"), std::string("/-"), std::string("\\x")}) {
        EXPECT_EQ(parse_cgroup_path(path), Whereabouts{}) << path;
    }
    // Bytes that are not UTF-8 are a name like any other.
    EXPECT_EQ(parse_cgroup_path("/lxc.payload.\xFF\xC3/x"), container("lxc", "\xFF\xC3"));
    EXPECT_EQ(parse_cgroup_path("/system.slice/\xFF.service"), unit("\xFF.service"));
    EXPECT_EQ(parse_cgroup_path("//docker//" + id + "//"), container("docker", id));

    std::string deep;
    for (int i = 0; i < 10'000; i++) {
        deep += "/docker/" + id;
    }
    EXPECT_EQ(parse_cgroup_path(deep + "/docker/" + id2), container("docker", id2));
    EXPECT_EQ(parse_cgroup_path(std::string(1'000'000, 'a')), Whereabouts{});
    EXPECT_EQ(parse_cgroup_path(std::string(1'000'000, '/')), Whereabouts{});
    EXPECT_EQ(parse_cgroup_path("/docker/" + std::string(1'000'000, 'a')), Whereabouts{});

    // Cut off or damaged anywhere, it is another path, no crash.
    const std::string whole = "/kubepods.slice/kubepods-pod" + uid_ + ".slice/cri-containerd-" +
                              id + ".scope/machine.slice/machine-a\\x2db.scope/supervisor";
    for (std::size_t i = 0; i <= whole.size(); i++) {
        std::ignore = parse_cgroup_path(whole.substr(0, i));
        std::ignore = parse_cgroup_path(whole.substr(i));
        for (const char c : {'/', ':', '\\', '\0', '\xFF', '_'}) {
            std::string damaged = whole;
            damaged[std::min(i, whole.size() - 1)] = c;
            std::ignore = parse_cgroup_path(damaged);
        }
    }
}

}  // namespace
}  // namespace nstrail::test

// SPDX-License-Identifier: Apache-2.0
#include "kernel_counts.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace vmtests {
namespace {

int bpf(bpf_cmd command, bpf_attr& attributes) {
    return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

template <class T>
__u64 address_of(T* pointer) {
    return reinterpret_cast<__u64>(pointer);
}

// A per-CPU lookup fills a value for every CPU that could ever be there.
std::size_t possible_cpus() {
    std::ifstream file("/sys/devices/system/cpu/possible");
    std::string text;
    std::getline(file, text);  // "0" or "0-3"
    const std::size_t dash = text.rfind('-');
    return std::stoul(dash == std::string::npos ? text : text.substr(dash + 1)) + 1;
}

// The map of that name, which must be the only one; its descriptor.
std::expected<int, std::string> find_map(const std::string& name, bpf_map_info& found) {
    int result = -1;
    for (__u32 id = 0;;) {
        bpf_attr next{};
        next.start_id = id;
        if (bpf(BPF_MAP_GET_NEXT_ID, next) != 0) break;
        id = next.next_id;
        bpf_attr get{};
        get.map_id = id;
        const int fd = bpf(BPF_MAP_GET_FD_BY_ID, get);
        if (fd < 0) continue;
        bpf_map_info info{};
        bpf_attr ask{};
        ask.info.bpf_fd = static_cast<__u32>(fd);
        ask.info.info_len = sizeof info;
        ask.info.info = address_of(&info);
        if (bpf(BPF_OBJ_GET_INFO_BY_FD, ask) != 0 || name != info.name) {
            ::close(fd);
            continue;
        }
        if (result >= 0) {
            ::close(fd);
            ::close(result);
            return std::unexpected("there are two BPF maps named " + name);
        }
        result = fd;
        found = info;
    }
    if (result < 0) return std::unexpected("there is no BPF map named " + name);
    return result;
}

}  // namespace

std::expected<KernelCounts, std::string> read_kernel_counts() {
    bpf_map_info info{};
    const auto fd = find_map("stats", info);
    if (!fd) return std::unexpected(fd.error());
    // Each CPU's value, rounded up to 8 bytes: emitted, dropped, and what does not matter here.
    const std::size_t step = (info.value_size + 7) / 8;
    if (info.type != BPF_MAP_TYPE_PERCPU_ARRAY || step < 2) {
        ::close(*fd);
        return std::unexpected(std::string("the BPF map stats has another form than expected"));
    }
    std::vector<__u64> values(step * possible_cpus());
    const __u32 zero = 0;
    bpf_attr lookup{};
    lookup.map_fd = static_cast<__u32>(*fd);
    lookup.key = address_of(&zero);
    lookup.value = address_of(values.data());
    const int code = bpf(BPF_MAP_LOOKUP_ELEM, lookup);
    const int error = errno;
    ::close(*fd);
    if (code != 0) return std::unexpected("the BPF map stats: " + std::string(strerror(error)));
    KernelCounts counts;
    for (std::size_t cpu = 0; cpu < values.size(); cpu += step) {
        counts.emitted += values[cpu];
        counts.dropped += values[cpu + 1];
    }
    return counts;
}

}  // namespace vmtests

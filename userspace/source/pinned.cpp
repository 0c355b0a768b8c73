// SPDX-License-Identifier: Apache-2.0
#include "source/pinned.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace nstrail {

namespace {

constexpr const char* handover_name = "handover";

}  // namespace

Pins::Pins(std::string path, Fd folder)
    : path_(std::move(path)),
      folder_(std::move(folder)),
      cpus_(static_cast<std::size_t>(std::max(1, libbpf_num_possible_cpus()))) {}

Pins::Pins(Pins&& other) noexcept
    : path_(std::move(other.path_)),
      folder_(std::move(other.folder_)),
      cpus_(other.cpus_),
      handover_(std::exchange(other.handover_, nullptr)) {}

Pins::~Pins() {
    if (handover_ != nullptr) {
        munmap(handover_, Handover::bytes(cpus_));
    }
}

Result<Pins> Pins::open(const std::string& path) {
    const std::string what = "keep the BPF programs in " + path;
    struct statfs system{};
    const std::string parent = std::filesystem::path(path + "/..").lexically_normal();
    if (statfs(path.c_str(), &system) != 0 && statfs(parent.c_str(), &system) != 0) {
        return fail(what, errno, "give a folder of a BPF file system, e.g. /sys/fs/bpf/nstrail");
    }
    if (system.f_type != BPF_FS_MAGIC) {
        return fail(what, "it is not on a BPF file system",
                    "give a folder of one, e.g. /sys/fs/bpf/nstrail; `mount -t bpf bpf "
                    "/sys/fs/bpf` where none is mounted");
    }
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail(what, errno);
    }
    Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) {
        return fail(what, errno);
    }
    if (flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? fail(what, "another agent has it", "one folder for each")
                                    : fail(what, errno);
    }
    Pins pins(path, std::move(folder));
    if (const Fd map(bpf_obj_get(pins.entry("", handover_name).c_str())); map) {
        if (auto shared = pins.share(map); !shared) {
            return std::unexpected(shared.error());
        }
    }
    return pins;
}

/// Maps it, if it is as large as this version's.
Result<void> Pins::share(const Fd& map) {
    bpf_map_info info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0) {
        return fail("read " + entry("", handover_name), errno);
    }
    if (info.value_size != Handover::bytes(cpus_)) {
        return {};
    }
    void* shared = mmap(nullptr, info.value_size, PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
    if (shared == MAP_FAILED) {
        return fail("map " + entry("", handover_name), errno);
    }
    handover_ = static_cast<Handover*>(shared);
    return {};
}

std::string Pins::entry(std::string_view kind, std::string_view name) const {
    std::string made = path_ + '/';
    made += kind;
    for (const char letter : name) {
        made += letter == '.' ? '_' : letter;  // that file system takes no dots
    }
    return made;
}

Result<void> Pins::clear() {
    if (handover_ != nullptr) {
        munmap(std::exchange(handover_, nullptr), Handover::bytes(cpus_));
    }
    std::error_code fault;
    for (const auto& file : std::filesystem::directory_iterator(path_, fault)) {
        const std::string name = file.path().filename();
        const bool ours = name == handover_name || name.starts_with("map_") ||
                          name.starts_with("prog_") || name.starts_with("link_");
        if (ours && unlink(file.path().c_str()) != 0) {
            return fail("remove " + file.path().string(), errno);
        }
    }
    return fault ? fail("look into " + path_, fault.message()) : Result<void>{};
}

Result<void> Pins::complete(const Handover& handover) {
    const std::string path = entry("", handover_name);
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
    const Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "nst_handover", sizeof(std::uint32_t),
                                static_cast<std::uint32_t>(Handover::bytes(cpus_)), 1, &options));
    if (!map) {
        return fail("make " + path, errno);
    }
    if (auto shared = share(map); !shared) {
        return shared;
    }
    *handover_ = handover;
    if (bpf_obj_pin(map.get(), path.c_str()) != 0) {
        return fail("pin " + path, errno);
    }
    return {};
}

}  // namespace nstrail

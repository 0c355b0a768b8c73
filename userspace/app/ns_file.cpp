// SPDX-License-Identifier: Apache-2.0
#include "app/ns_file.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

namespace nstrail {

namespace {

/// Of a descriptor, or -1 and errno.
std::expected<NsFile, int> take(int number) {
    Fd fd(number);
    struct stat status{};
    if (!fd || fstat(fd.get(), &status) != 0) {
        return std::unexpected(errno);
    }
    // Namespaces have 32-bit inode numbers (struct ns_common).
    return NsFile{.fd = std::move(fd), .inum = static_cast<std::uint32_t>(status.st_ino)};
}

}  // namespace

Result<NsFile> open_namespace(const std::string& path, int type) {
    // O_NONBLOCK: whatever the user named, opening it must not wait.
    auto file = take(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file) {
        return fail("open the namespace " + path, file.error());
    }
    const int actual = ioctl(file->fd.get(), NS_GET_NSTYPE);
    if (actual < 0) {
        return fail("open the namespace " + path, "the file is no namespace",
                    "name one like /proc/PID/ns/pid");
    }
    if (actual != type) {
        return fail("open the namespace " + path, "it is of another type");
    }
    return std::move(*file);
}

std::expected<NsFile, int> parent_namespace(const NsFile& ns) {
    return take(ioctl(ns.fd.get(), NS_GET_PARENT));
}

std::expected<NsFile, int> owning_namespace(const NsFile& ns) {
    return take(ioctl(ns.fd.get(), NS_GET_USERNS));
}

std::vector<NsFile> with_ancestors(NsFile ns) {
    std::vector<NsFile> chain;
    chain.push_back(std::move(ns));
    while (auto parent = parent_namespace(chain.back())) {
        chain.push_back(std::move(*parent));
    }
    return chain;
}

}  // namespace nstrail

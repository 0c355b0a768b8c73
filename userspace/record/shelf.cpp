// SPDX-License-Identifier: Apache-2.0
#include "record/shelf.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"

namespace nstrail {

namespace {

struct DirectoryCloser {
    void operator()(DIR* directory) const { closedir(directory); }
};

Result<std::vector<std::string>> names_in(const std::string& path) {
    const std::unique_ptr<DIR, DirectoryCloser> directory(opendir(path.c_str()));
    if (!directory) {
        return fail("read " + path, errno);
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(directory.get())) {
        names.emplace_back(entry->d_name);
    }
    if (errno != 0) {
        return fail("read " + path, errno);
    }
    std::ranges::sort(names);
    return names;
}

std::int64_t modified_ns(const struct stat& status) {
    return (std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000) + status.st_mtim.tv_nsec;
}

ShelvedChunk look_at_chunk(const std::string& folder, std::uint32_t number) {
    ShelvedChunk chunk{.number = number, .path = folder, .file = {}};
    for (const std::string_view name : {metadata_name, packed_name, events_name}) {
        const std::string path = folder + '/' + std::string(name);
        struct stat status{};
        if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
            continue;
        }
        chunk.bytes += static_cast<std::uint64_t>(status.st_size);
        // Both are there while one is made of the other, which is whole until it goes.
        if (name != metadata_name) {
            chunk.file = path;
            chunk.packed = name == packed_name;
            chunk.modified_ns = modified_ns(status);
        }
    }
    return chunk;
}

}  // namespace

Result<ShelvedBoot> list_boot(const std::string& path) {
    const auto names = names_in(path);
    if (!names) {
        return std::unexpected(names.error());
    }
    ShelvedBoot boot{.path = path, .chunks = {}};
    for (const std::string& name : *names) {
        if (const std::uint32_t number = chunk_number(name); number != 0) {
            boot.chunks.push_back(look_at_chunk(fmt::format("{}/{}", path, name), number));
        }
    }
    std::ranges::sort(boot.chunks, {}, &ShelvedChunk::number);
    return boot;
}

Result<std::vector<ShelvedBoot>> list_boots(const std::string& path) {
    const auto names = names_in(path);
    if (!names) {
        return std::unexpected(names.error());
    }
    std::vector<ShelvedBoot> boots;
    bool chunks = std::ranges::binary_search(*names, open_name);
    for (const std::string& name : *names) {
        chunks = chunks || chunk_number(name) != 0;
        if (!name.starts_with(boot_prefix)) {
            continue;
        }
        auto boot = list_boot(fmt::format("{}/{}", path, name));
        if (boot) {
            boots.push_back(std::move(*boot));
        }
    }
    if (chunks) {
        auto own = list_boot(path);
        if (!own) {
            return std::unexpected(own.error());
        }
        boots.push_back(std::move(*own));
    }
    if (boots.empty()) {
        return fail("open " + path, "it is not a recording: it holds no boot-… and no chunk-…",
                    "give the directory that `nstrail record` wrote to");
    }
    std::ranges::sort(boots, {}, [](const ShelvedBoot& boot) {
        return boot.chunks.empty() ? 0 : boot.chunks.front().modified_ns;
    });
    return boots;
}

Result<std::string> read_text(const std::string& path, std::size_t most) {
    const Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) {
        return fail("open " + path, errno);
    }
    std::string text;
    std::array<char, 16384> part;
    while (text.size() <= most) {
        const ssize_t got = read(file.get(), part.data(), part.size());
        if (got < 0) {
            return fail("read " + path, errno);
        }
        if (got == 0) {
            return text;
        }
        text.append(part.data(), static_cast<std::size_t>(got));
    }
    return fail("read " + path, "it is too large to be what it should be");
}

}  // namespace nstrail

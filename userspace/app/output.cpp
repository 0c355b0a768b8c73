// SPDX-License-Identifier: Apache-2.0
#include "app/output.hpp"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nstrail {

namespace {

/// The mode of a file that open() makes.
mode_t new_file_mode() {
    const mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

}  // namespace

Result<Output> Output::open(const std::string& path) {
    if (path.empty() || path == "-") {
        return Output("stdout", {});
    }
    const std::string elsewhere = "give another place with -o";
    struct stat there{};
    const bool exists = stat(path.c_str(), &there) == 0;
    if (exists && !S_ISREG(there.st_mode)) {
        Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
        if (!file) {
            return fail("write " + path, errno, elsewhere);
        }
        return Output(path, std::move(file));
    }
    // What a link leads to is replaced, not the link.
    std::string target = path;
    if (char resolved[PATH_MAX]; exists && realpath(path.c_str(), resolved) != nullptr) {
        target = resolved;
    }
    if (exists && access(target.c_str(), W_OK) != 0) {
        return fail("write " + path, errno, elsewhere);
    }
    std::string temporary = target + ".XXXXXX";
    Fd file(mkostemp(temporary.data(), O_CLOEXEC));
    if (!file) {
        return fail("write " + path, errno, elsewhere);
    }
    fchmod(file.get(), exists ? there.st_mode & 07777 : new_file_mode());
    Output output(std::move(target), std::move(file));
    output.temporary_ = std::move(temporary);
    return output;
}

Output::Output(Output&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::move(other.file_)) {}

Output::~Output() {
    if (!temporary_.empty()) {
        unlink(temporary_.c_str());
    }
}

Result<void> Output::write(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written =
            ::write(file_ ? file_.get() : STDOUT_FILENO, text.data(), text.size());
        if (written < 0 && errno == EINTR) {
            continue;  // what is under way is ended by whoever asks for it
        }
        if (written < 0) {
            return fail("write " + path_, errno,
                        errno == ENOSPC ? "make room, or give another place with -o" : "");
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<void> Output::write(fmt::memory_buffer& text) {
    auto written = write(std::string_view(text.data(), text.size()));
    text.clear();
    return written;
}

Result<void> Output::commit() {
    if (temporary_.empty()) {
        return {};
    }
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
        return fail("write " + path_, errno, "give another place with -o");
    }
    temporary_.clear();
    return {};
}

}  // namespace nstrail

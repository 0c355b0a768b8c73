// SPDX-License-Identifier: Apache-2.0
#include "app/confine.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/system_calls.hpp"

namespace nstrail {

namespace {

// Who may look at the namespaces, executables and mounts of others' tasks in /proc
// (ptrace_may_access), and into directories on the way there that are others' own.
constexpr cap_value_t looking[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};

struct CapabilitiesFree {
    void operator()(cap_t state) const { cap_free(state); }
};
using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, CapabilitiesFree>;

struct User {
    uid_t uid = 0;
    gid_t gid = 0;
};

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    // The highest one means "unchanged" to the kernel.
    return code == std::errc{} && end == text.data() + text.size() && value != UINT32_MAX
               ? std::optional(value)
               : std::nullopt;
}

Result<User> find_user(const std::string& name) {
    const std::string what = "change to the user " + name;
    if (const auto colon = name.find(':'); colon != std::string::npos) {
        const auto uid = number(std::string_view(name).substr(0, colon));
        const auto gid = number(std::string_view(name).substr(colon + 1));
        if (!uid || !gid) {
            return fail(what, "it is not UID:GID, two numbers", "or give a name");
        }
        return User{.uid = *uid, .gid = *gid};
    }
    errno = 0;
    const passwd* found = getpwnam(name.c_str());
    if (found == nullptr) {
        return errno != 0 ? fail(what, errno)
                          : fail(what, "there is no such user",
                                 "e.g. adduser --system nstrail, or give UID:GID");
    }
    return User{.uid = found->pw_uid, .gid = found->pw_gid};
}

Result<void> become(const User& user, const std::string& name) {
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setgroups(0, nullptr) != 0 ||
        setresgid(user.gid, user.gid, user.gid) != 0 ||
        setresuid(user.uid, user.uid, user.uid) != 0) {
        return fail("change to the user " + name, errno,
                    "start it as root, or as that user with the capabilities it needs");
    }
    return {};
}

/// Of what this process may, keeps `kept`, which may take effect at once. With `all` what is not in
/// effect is still permitted.
Result<void> keep(const std::vector<cap_value_t>& kept, bool all) {
    const Capabilities state(all ? cap_get_proc() : cap_init());
    const auto set = [&](cap_flag_t flag) {
        // None at all is an error to the library.
        return kept.empty() || cap_set_flag(state.get(), flag, static_cast<int>(kept.size()),
                                            kept.data(), CAP_SET) == 0;
    };
    if (!state || cap_clear_flag(state.get(), CAP_EFFECTIVE) != 0 || !set(CAP_PERMITTED) ||
        !set(CAP_EFFECTIVE) || cap_set_proc(state.get()) != 0) {
        return fail("give up capabilities", errno);
    }
    return {};
}

/// Nothing that this process starts could have more; where it may not say so, no_new_privs does.
void bound(const std::vector<cap_value_t>& kept) {
    for (cap_value_t one = 0; one < cap_max_bits(); one++) {
        if (std::ranges::find(kept, one) == kept.end()) {
            (void)cap_drop_bound(one);
        }
    }
}

bool permitted(cap_value_t one) {
    const Capabilities state(cap_get_proc());
    cap_flag_value_t value = CAP_CLEAR;
    return state && cap_get_flag(state.get(), one, CAP_PERMITTED, &value) == 0 && value == CAP_SET;
}

std::string capability_name(cap_value_t one) {
    const std::unique_ptr<char, int (*)(void*)> name(cap_to_name(one), cap_free);
    return name ? name.get() : fmt::format("{}", one);
}

}  // namespace

void ConfineChoice::add_to(CLI::App& command) {
    command.add_option("--user", user,
                       "NAME or UID:GID to change to once the programs are attached: who is to own "
                       "what is recorded, and can read what the other options name");
    command.add_flag("--unconfined", unconfined,
                     "keep all capabilities and system calls, e.g. under a debugger");
}

Result<std::string> confine(const ConfineChoice& choice, const LiveSource& source) {
    std::vector<cap_value_t> kept;
    if (!choice.unconfined) {
        std::ranges::copy_if(looking, std::back_inserter(kept), permitted);
        bound(kept);
    }
    std::optional<User> user;
    if (!choice.user.empty()) {
        auto found = find_user(choice.user);
        if (!found) {
            return std::unexpected(found.error());
        }
        if (auto changed = become(*found, choice.user); !changed) {
            return std::unexpected(changed.error());
        }
        user = *found;
    }
    if (choice.unconfined) {
        return "all that it was given";
    }
    (void)cap_reset_ambient();
    if (auto tried = keep(kept, true); !tried) {
        return std::unexpected(tried.error());
    }
    if (!source.answers() && permitted(CAP_BPF)) {
        kept.push_back(CAP_BPF);
    }
    if (auto given_up = keep(kept, false); !given_up) {
        return std::unexpected(given_up.error());
    }
    if (!source.answers()) {
        return fail("give up capabilities", "the kernel no longer answers without them",
                    "--unconfined keeps them");
    }
    if (auto filtered = filter_system_calls(LiveSource::commands()); !filtered) {
        return std::unexpected(filtered.error());
    }
    std::vector<std::string> names;
    std::ranges::transform(kept, std::back_inserter(names), capability_name);
    return fmt::format("user {}; {}", user ? user->uid : geteuid(),
                       names.empty() ? "no capability" : fmt::format("{}", fmt::join(names, ", ")));
}

}  // namespace nstrail

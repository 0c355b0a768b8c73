// SPDX-License-Identifier: Apache-2.0
// source/libbpf_log: what the kernel's refusal of a BPF program means to who uses nstrail.
#include "source/libbpf_log.hpp"

#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nstrail::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// As libbpf 1.1 prints it.
std::string refused(const std::string& verdict) {
    return "libbpf: prog 'alloc_pid_fexit': BPF program load failed: Invalid argument\n"
           "libbpf: prog 'alloc_pid_fexit': -- BEGIN PROG LOAD LOG --\n" +
           verdict +
           "\nprocessed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0\n"
           "-- END PROG LOAD LOG --\n"
           "libbpf: failed to load object 'nstrail_bpf'\n";
}

TEST(LoadFailure, NamesTheProgramAndWhatTheVerifierSays) {
    const auto line = load_failure(EINVAL, refused("R1 invalid mem access 'scalar'")).line();
    EXPECT_THAT(line, HasSubstr("Invalid argument (prog 'alloc_pid_fexit': "
                                "R1 invalid mem access 'scalar')"));
    EXPECT_THAT(line, AllOf(HasSubstr("NSTRAIL_BPF_LOG=1"), Not(HasSubstr("lockdown"))));
}

TEST(LoadFailure, SaysWhatALockedDownKernelIs) {
    // 6.12 with lockdown=confidentiality; kernels before 6.8 have other words for it.
    for (const char* verdict : {"program of this type cannot use helper bpf_probe_read#4",
                                "unknown func bpf_probe_read_kernel#113"}) {
        EXPECT_THAT(load_failure(EINVAL, refused(verdict)).line(),
                    AllOf(HasSubstr("lets no program read its memory"), HasSubstr(verdict),
                          HasSubstr("lockdown=integrity")));
    }
}

TEST(LoadFailure, WithoutAVerdictTellsTheLastLine) {
    EXPECT_THAT(load_failure(EPERM, "libbpf: one\nlibbpf: two\n").line(),
                HasSubstr("Operation not permitted (libbpf: two)"));
}

}  // namespace
}  // namespace nstrail::test

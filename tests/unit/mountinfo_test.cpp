// SPDX-License-Identifier: Apache-2.0
// source/mountinfo: bind mounts of namespaces, and nothing else, in lines of /proc/TID/mountinfo.
#include "source/mountinfo.hpp"

#include <gtest/gtest.h>

namespace nstrail::test {
namespace {

TEST(Mountinfo, FindsBindMountsOfNamespaces) {
    const auto blue =
        parse_ns_mount("123 25 0:4 net:[4026532177] /run/netns/blue rw shared:5 - nsfs nsfs rw");
    ASSERT_TRUE(blue);
    EXPECT_EQ(blue->type, NST_ns_type_net);
    EXPECT_EQ(blue->inum, 4026532177U);
    EXPECT_EQ(blue->path, "/run/netns/blue");
    // Private: no optional field. Several: shared and a slave of another.
    EXPECT_TRUE(parse_ns_mount("44 27 0:4 uts:[4026532178] /tmp/uts rw - nsfs nsfs rw"));
    EXPECT_TRUE(parse_ns_mount(
        "44 27 0:4 user:[4026532178] /u rw,nosuid shared:1 master:2 - nsfs nsfs rw"));
}

TEST(Mountinfo, KnowsEveryType) {
    for (int type = NST_ns_type_mnt; type <= NST_ns_type_user; type++) {
        const auto name = std::string(type_name(static_cast<NsType>(type)));
        const auto mount = parse_ns_mount("1 2 0:4 " + name + ":[77] /x rw - nsfs nsfs rw");
        ASSERT_TRUE(mount) << name;
        EXPECT_EQ(mount->type, type);
        EXPECT_EQ(mount->inum, 77U);
    }
}

TEST(Mountinfo, GivesThePathsOwnBytes) {
    const auto mount = parse_ns_mount(
        R"(44 27 0:4 net:[4026532178] /tmp/a\040b\011c\012d\134e\043f rw - nsfs nsfs rw)");
    ASSERT_TRUE(mount);
    EXPECT_EQ(mount->path, "/tmp/a b\tc\nd\\e#f");
}

TEST(Mountinfo, PassesOverOtherMounts) {
    for (const char* line :
         {"", " ", "-", "1", "1 2 3 4", "net:[4026532177]",
          "21 27 0:20 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw",
          "27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro",
          // A directory of that name on another file system, bind mounted.
          "60 27 254:1 /net:[1] /mnt rw - ext4 /dev/vda1 rw",
          "60 27 254:1 net:[1] /mnt rw - ext4 /dev/vda1 rw",
          // The type stands behind the dash, and a mount point may be called like it.
          "60 27 254:1 net:[1] /nsfs rw - ext4 nsfs rw", "60 27 0:4 net:[x] /x rw - nsfs nsfs rw",
          "60 27 0:4 net:[] /x rw - nsfs nsfs rw", "60 27 0:4 net:[7 /x rw - nsfs nsfs rw",
          "60 27 0:4 tent:[7] /x rw - nsfs nsfs rw", "60 27 0:4 :[7] /x rw - nsfs nsfs rw",
          "60 27 0:4 net:[99999999999] /x rw - nsfs nsfs rw",
          "60 27 0:4 net:[7] /x rw - nsfsx nsfs rw", "60 27 0:4 net:[7] /x rw"}) {
        EXPECT_FALSE(parse_ns_mount(line)) << line;
    }
}

TEST(Mountinfo, UnescapesOnlyWhatIsEscaped) {
    EXPECT_EQ(unescape_octal(""), "");
    EXPECT_EQ(unescape_octal("/a/b"), "/a/b");
    EXPECT_EQ(unescape_octal("\\040"), " ");
    EXPECT_EQ(unescape_octal("\\377"), "\xFF");
    for (const char* text : {"\\", "\\0", "\\04", "\\048", "\\400", "\\x40"}) {
        EXPECT_EQ(unescape_octal(text), text);
    }
    EXPECT_EQ(unescape_octal("\\134040"), "\\040");
}

}  // namespace
}  // namespace nstrail::test

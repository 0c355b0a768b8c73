# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What every check shares. A check takes the tree to look at as its argument (this one when
# there is none, so that the self-test can show it a bad one), explains each fault in one line
# on stderr, and exits 1 if there was any.

tree=${1:-$(dirname "${BASH_SOURCE[0]}")/../..}
cd "$tree" || exit 1

# In a container the checkout often belongs to somebody else, which git takes for a trap.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
# A check that sees no file would find no fault.
if [[ -z $(git ls-files -co --exclude-standard | head -n 1) ]]; then
    echo "$PWD: git lists no file here: the checks need a checkout" >&2
    exit 1
fi

faults=0
fault() {
    printf '%s\n' "$1" >&2
    faults=$((faults + 1))
}
finish() {
    ((faults == 0))
    exit
}

# The files of the tree, those not yet added to git included, build output not.
files() {
    git ls-files -co --exclude-standard -- "$@" | while IFS= read -r file; do
        if [[ -f $file && ! -L $file ]]; then printf '%s\n' "$file"; fi
    done
}

# Source files: by name, or by a "#!" line.
sources() {
    local file
    files | while IFS= read -r file; do
        case $file in
            bpf/vmlinux.h) ;;  # generated from a kernel's BTF
            *.c | *.h | *.cpp | *.hpp | *.def | *.S | *.py | *.sh | *.cmake | */CMakeLists.txt | \
                CMakeLists.txt | *.js | *.mjs | *.ts | *.css | *.html | */Makefile | */Kbuild)
                printf '%s\n' "$file"
                ;;
            *)
                if [[ $(head -c 2 "$file" | tr -d '\0') == '#!' ]]; then printf '%s\n' "$file"; fi
                ;;
        esac
    done
}

# What clang-format looks after.
cxx_sources() {
    files '*.c' '*.h' '*.cpp' '*.hpp' | grep -vxF bpf/vmlinux.h || true
}

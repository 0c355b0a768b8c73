# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What vmtests/module and vmtests/scap share: Debian's packages, unpacked below build/cache and never installed.

cache=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/cache

die() { # what, why, what next [, status]
    echo "${0##*/}: $1: $2; $3" >&2
    exit "${4:-1}"
}

candidate() { # PACKAGE: prints the version that apt would fetch, or nothing
    apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

version_of() { # PACKAGE: the same; where the lists are old, after refreshing them
    local tool version
    for tool in apt-get apt-cache dpkg; do
        command -v "$tool" >/dev/null || die "cannot fetch $1" "$tool is missing" "run this on Debian"
    done
    version=$(candidate "$1")
    if [[ -z $version && $(id -u) -eq 0 ]]; then
        apt-get update -q >&2 || true
        version=$(candidate "$1")
    fi
    echo "$version"
}

unpack() { # DIRECTORY AMEND PACKAGE[=VERSION]…: AMEND is called with the files before they are DIRECTORY
    local directory=$1 amend=$2 work one
    shift 2
    mkdir -p "${directory%/*}"
    work=$(mktemp -d "${directory%/*}/.unpack.XXXXXX")
    # shellcheck disable=SC2064  # now, as $work is of this function
    trap "rm -rf '$work'" EXIT
    chmod 755 "$work"
    for one in "$@"; do
        (cd "$work" && apt-get download -q -o APT::Sandbox::User=root "$one" >&2) ||
            die "cannot fetch $one" "apt-get download failed, see above" \
                "check the network, or run apt-get update as root and try again"
    done
    for one in "$work"/*.deb; do
        dpkg -x "$one" "$work/files" || die "cannot unpack ${one##*/}" "dpkg -x failed" "remove $cache and try again"
    done
    "$amend" "$work/files"
    chmod -R u=rwX,go=rX "$work/files"
    # Moved into place whole: its presence means complete. Where another run was first, its copy is as good.
    mv -T "$work/files" "$directory" 2>/dev/null || [[ -d $directory ]]
    rm -rf "$work"
}

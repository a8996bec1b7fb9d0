#!/usr/bin/env bash
# What the README promises of a bare Debian 12: its commands work there, as printed. Called by
# ctest; by hand likewise:
#
#     CONDUIT_BARE_ROOT=demo tests/bare_root/check.sh build/bare_root     # scripts/demo.sh alone
#     CONDUIT_BARE_ROOT=all tests/bare_root/check.sh build/bare_root      # scripts/test.sh as well
#
# It needs root, debootstrap and a mirror: CONDUIT_DEBIAN_MIRROR, or the one that this host's apt
# uses. The bare system and the packages that were fetched are kept in the folder. Exits with 77 and
# says why where nobody asked for it, or where it cannot be had.
set -euo pipefail
exec </dev/null

suite=bookworm
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
kept=${1:?usage: check.sh FOLDER}
mkdir -p "$kept"
kept=$(cd "$kept" && pwd)

skip() { echo "skipped: the README's commands were not tried in a bare Debian 12: $1"; exit 77; }
say() { printf '\n=== %s\n' "$*"; }

case ${CONDUIT_BARE_ROOT-} in
    demo | all) ;;
    "") skip "CONDUIT_BARE_ROOT=demo or =all asks for it" ;;
    *) echo "CONDUIT_BARE_ROOT is demo or all, not '$CONDUIT_BARE_ROOT'" >&2; exit 2 ;;
esac
[[ $(id -u) -eq 0 ]] || skip "it needs root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
unshare --mount true 2>/dev/null || skip "this container may not mount"

# The sources of this host's apt, if it is a Debian 12 as well; else of one mirror.
sources() {
    if [[ -n ${CONDUIT_DEBIAN_MIRROR-} ]]; then
        echo "deb $CONDUIT_DEBIAN_MIRROR $suite main"
        return
    fi
    command -v apt-get >/dev/null || return 0
    # shellcheck disable=SC2016
    local line='deb $(REPO_URI) $(CODENAME) $(COMPONENT)'
    apt-get indextargets --format "$line" 'Created-By: Packages' |
        grep -E " $suite(-updates|-security)? main\$" | sort -u || true
}
list=$(sources)
mirror=$(awk -v suite="$suite" '$3 == suite { print $2; exit }' <<<"$list")
[[ -n $mirror ]] || skip "no mirror of Debian 12 is known; CONDUIT_DEBIAN_MIRROR names one"

root=$(mktemp -d "$kept/root.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT

base=$kept/$suite.tar
if [[ ! -e $base ]]; then
    say "debootstrap $suite from $mirror"
    log=$kept/debootstrap.log
    debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$log" 2>&1 ||
        { tail -n 3 "$log"; skip "debootstrap failed: see $log"; }
    tar -C "$root" --one-file-system -cf "$base.part" .
    mv "$base.part" "$base"
else
    tar -C "$root" -xpf "$base"
fi
chmod 755 "$root"  # mktemp's is for its user alone, and tests run processes of other users

printf '%s\n' "$list" >"$root/etc/apt/sources.list"
apt-config dump 2>/dev/null | { grep -iE '^Acquire::[a-z]+::Proxy' || true; } \
    >"$root/etc/apt/apt.conf.d/99proxy"
cp /etc/resolv.conf "$root/etc/resolv.conf"
echo "127.0.0.1 localhost" >"$root/etc/hosts"  # which installers write, and debootstrap does not
mkdir -p "$root/home/new/conduit" "$kept/archives/partial"
git -C "$project" ls-files -z | tar -C "$project" --null --files-from=- -c |
    tar -C "$root/home/new/conduit" -x

# In the root, with a /proc and a /dev; both go with the process.
inside() {
    # shellcheck disable=SC2016
    unshare --mount --propagation private --pid --fork bash -c '
        mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
            mount --bind "$2" "$1/var/cache/apt/archives" &&
            exec chroot "$1" /usr/bin/env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
                PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -c "cd /home/new/conduit && $3"
    ' inside "$root" "$kept/archives" "$1"
}

# As printed: the lines of the README that begin with a script, without their comments.
mapfile -t commands < <(sed -n 's|^\(scripts/[a-z]*\.sh\)  *#.*|\1|p' "$project/README.md")
[[ ${commands[*]-} == "scripts/test.sh scripts/demo.sh" ]] ||
    { echo "the README's two commands are not there: ${commands[*]-}" >&2; exit 1; }
[[ $CONDUIT_BARE_ROOT == all ]] || commands=(scripts/demo.sh)

for command in "${commands[@]}"; do
    say "$command"
    start=$SECONDS
    inside "$command" || { echo "$command failed in a bare Debian 12" >&2; exit 1; }
    say "$command: $((SECONDS - start)) s"
done

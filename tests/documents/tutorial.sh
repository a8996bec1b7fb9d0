#!/usr/bin/env bash
# Does what a reader of docs/tutorial/ does. Called by ctest, as
#
#     tutorial.sh build FOLDER CHAPTER...     makes the project that the chapters print, builds it
#     tutorial.sh session FOLDER CHAPTER      types the commands of its ```console blocks
#
# A block that begins with the comment `// NAME` or `# NAME` is that file; several of one name are
# put together. Of a session each line with `$ ` is a command, what follows is what it prints; `...`
# is for anything. What a program in the background prints is not compared, for it comes at any
# time, nor what the library warns of, which is that another program is not there yet.
# CONDUIT_PREFIX is where conduit is installed.
set -euo pipefail
exec </dev/null

action=${1:?usage: tutorial.sh build|session FOLDER CHAPTER...}
folder=${2:?}
shift 2
fail() { printf '%s\n' "$@" >&2; exit 1; }

files_of() {
    awk -v folder="$folder" '
        /^```(cpp|cmake)$/ {
            getline first
            if (match(first, /^(\/\/|#) [A-Za-z_]+\.(cpp|hpp|txt)/)) {
                name = substr(first, RSTART, RLENGTH)
                sub(/^[^ ]* /, "", name)
                print first > (folder "/" name)
            } else {
                print FILENAME ": a block does not say which file it is: " first > "/dev/stderr"
                exit 1
            }
            next
        }
        /^```$/ { name = "" }
        name != "" { print > (folder "/" name) }
    ' "$@"
}

if [[ $action == build ]]; then
    mkdir -p "$folder"
    rm -f "$folder"/*.?pp "$folder"/CMakeLists.txt
    files_of "$@"
    cmake -S "$folder" -B "$folder/build" -G Ninja -DCMAKE_PREFIX_PATH="${CONDUIT_PREFIX:?}"
    cmake --build "$folder/build"
    exit
fi
[[ $action == session && $# -eq 1 ]] || fail "usage: tutorial.sh session FOLDER CHAPTER"

# matches LINE PATTERN: where `...` stands for anything
matches() {
    local pattern
    pattern=$(sed -e 's/[][\\*?]/\\&/g' -e 's/\.\.\./*/g' <<<"$2")
    # shellcheck disable=SC2053
    [[ $1 == $pattern ]]
}

# check COMMAND EXPECTED PRINTED: compares line by line
check() {
    local -a expected=() printed=()
    local i same=yes
    [[ -z $2 ]] || mapfile -t expected <<<"${2%$'\n'}"
    mapfile -t printed < <(grep -v '^conduit: warning: ' "$3")
    [[ ${#expected[@]} -eq ${#printed[@]} ]] || same=no
    for ((i = 0; i < ${#expected[@]}; ++i)); do
        matches "${printed[i]-}" "${expected[i]}" || same=no
    done
    [[ $same == yes ]] ||
        fail "\$ $1" "printed:" "$(cat "$3")" "where it says:" "$2" "all:" "$(tail -n +1 printed.*)"
}

commands=()
expected=()
while IFS= read -r line; do
    if [[ $line == '$ '* ]]; then
        commands+=("${line#??}")
        expected+=("")
    elif [[ ${#commands[@]} -gt 0 ]]; then
        expected[-1]+=$line$'\n'
    else
        fail "$1: a session begins with a command"
    fi
done < <(awk '/^```console$/ { on = 1; next } /^```$/ { on = 0 } on' "$1")
[[ ${#commands[@]} -gt 0 ]] || fail "$1 has no session"

# A folder of its own, so that nothing is left of another run.
export PATH="${CONDUIT_PREFIX:?}/bin:$PATH"
place=$(mktemp -d)
end() {
    local left
    left=$(jobs -p)
    # shellcheck disable=SC2086
    [[ -z $left ]] || { kill $left && wait $left; } 2>/dev/null || true
    rm -rf "$place"
}
trap end EXIT
ln -s "$folder/build" "$place/build"
cd "$place"

# In this shell, for jobs and variables are remembered between commands.
set +e
for ((number = 0; number < ${#commands[@]}; ++number)); do
    eval "${commands[number]}" >"printed.$number" 2>&1
    [[ ${commands[number]} == *'&' ]] ||
        check "${commands[number]}" "${expected[number]}" "printed.$number"
done

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_docs.sh PREFIX - what is installed below PREFIX beside the program: the manual page names each
# command and option of --help, its examples run, the completion offers them.
set -euo pipefail

prefix=$(realpath "${1:?usage: tests/check_docs.sh PREFIX}")
manual=$prefix/share/man/man1/headroom.1
completion=$prefix/share/bash-completion/completions/headroom
export PATH=$prefix/bin:$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
ln -s "$prefix/share/headroom/scenarios" scenarios

fail() {
    echo "docs: $*" >&2
    exit 1
}

# complete WORD... - what the completion offers for the last word
complete_words() {
    COMP_WORDS=("$@")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _headroom
    printf '%s\n' "${COMPREPLY[@]}"
}
# shellcheck disable=SC1090 # the installed file
. "$completion"

if command -v man >/dev/null; then
    warnings=$(LC_ALL=C MANROFFSEQ='' man --warnings -l "$manual" 2>&1 >page)
    [ -z "$warnings" ] || fail "$warnings"
fi
sed 's,[\\],,g' "$manual" >plain
mapfile -t commands < <(headroom --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ ${#commands[@]} -gt 5 ] || fail "no commands in --help"
for command in "${commands[@]}"; do
    grep -q "^.SS headroom $command " plain || fail "the manual page lacks $command"
    complete_words headroom "${command:0:3}" | grep -qx "$command" || fail "no completion of $command"
    headroom "$command" --help | grep -oE '^ +(-.,)? *--[a-z-]+' | grep -oE -e '--[a-z-]+' >options
    sed -n "/^.SS headroom $command /,/^.S[SH] /p" plain >section
    complete_words headroom "$command" -- >offered
    while read -r option; do
        grep -q -e "$option" section || fail "the manual page lacks $command $option"
        grep -qx -e "$option" offered || fail "no completion of $command $option"
    done <options
done
mkdir folder
complete_words headroom run -o fol | grep -qx folder || fail "no completion of a folder behind -o"
complete_words headroom catalog mo | grep -qx models || fail "no completion of a catalogue"

sed -n '/^.EX/,/^.EE/{/^headroom/p}' plain >examples
[ -s examples ] || fail "no examples"
while read -r line; do
    case $line in
    *" run "* | *" sweep "*) line+=" --requests 200 --no-plots" ;;
    *" plan "*) line+=" --requests 200 --replications 1 --no-plots" ;;
    esac
    # shellcheck disable=SC2086 # words
    $line >/dev/null 2>err </dev/null || fail "example '$line': $(cat err)"
done <examples
echo "docs: $(wc -l <examples) examples run, ${#commands[@]} commands"

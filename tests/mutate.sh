#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# mutate.sh BUILD_DIR [N [SEED]] - do the tests notice a wrong program? Changes one operator, sign or
# constant of sim/core, sim/cost or sim/plan at a time and runs the tests that use the module. At
# least MUTATION_MIN percent (80) must be noticed. With N, a sample of N mutants, the same for the
# same SEED; MUTATION_FILES restricts the sources.
#
# What the unit tests let pass, golden command lines may notice (CLI_CASES_USED).
#
# The tests run against a shared library; a mutated source becomes a library of its own that is
# preloaded, so nothing is linked again. A mutant that compiles to the same code is none. Mutants
# that cannot be noticed are in tests/mutants.txt, with the reason: at most 5 % of all.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

build=${1:?usage: tests/mutate.sh BUILD_DIR [N [SEED]]}
sample=${2:-0}
seed=${3:-1}
need=${MUTATION_MIN:-80}
cc=${CC:-cc}
read -ra files <<<"${MUTATION_FILES:-$(echo sim/core/*.c sim/cost/*.c sim/plan/*.c)}"
work=$build/mutants
QUICK_MS=4000
flags=(-I. -D_GNU_SOURCE -std=c17 -ffp-contract=off -pthread -O1 -g0 -fPIC -w
    -fsanitize=bounds -fsanitize-undefined-trap-on-error)
export MALLOC_PERTURB_=171 CLI_ONE_JOB=yes CHECK_FIRST_FAILURE=yes
libs=(-lgsl -lgslcblas -lcsv -lyaml -ljansson -lm)
rm -rf "$work"
mkdir -p "$work/tests" "$work/plain"
export work cc

# ---- the mutants of a source: file, line, column, length, replacement -----------------------------

list_mutants() {
    awk -v OFS='\t' '
    function emit(at, n, with) { print FILENAME, FNR, at, n, with }
    function is_word(c) { return c ~ /[A-Za-z0-9_]/ }
    function constant(at,    text, value) {
        text = substr(line, at)
        match(text, /^[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?/)
        text = substr(text, 1, RLENGTH)
        if (is_word(substr(line, at + RLENGTH, 1)) || line ~ /char [a-z_]+\[/ || line ~ /ARRAY_|snprintf/) {
            return RLENGTH
        }
        value = text + 0
        if (text ~ /[.eE]/) { emit(at, RLENGTH, value == 0 ? "1.0" : sprintf("(%s * 2)", text)) }
        else if (value < 100000) { emit(at, RLENGTH, value + 1) }
        return RLENGTH
    }
    function operator(at,    three, two, one) {
        three = substr(line, at, 3)
        two = substr(line, at, 2)
        if (three == "<<=" || three == ">>=") { return 3 }
        if (two == "->" || two == "<<" || two == ">>" || two == "++" || two == "--") { return 2 }
        if (two in pairs) { emit(at, 2, pairs[two]); return 2 }
        if (three in pairs) { emit(at, 3, pairs[three]); return 2 }
        one = substr(line, at, 1)
        if (one == "<" || one == ">") { emit(at, 1, one "=") }
        return 1
    }
    BEGIN {
        pairs["<="] = "<"; pairs[">="] = ">"; pairs["=="] = "!="; pairs["!="] = "=="
        pairs["&&"] = "||"; pairs["||"] = "&&"; pairs["+="] = "-="; pairs["-="] = "+="
        pairs["*="] = "/="; pairs["/="] = "*="
        pairs[" + "] = " - "; pairs[" - "] = " + "; pairs[" * "] = " / "; pairs[" / "] = " * "
    }
    FNR == 1 { in_comment = 0 }
    /^#/ || /ASSERT|_Static_assert/ { next }
    {
        line = $0
        in_text = 0
        for (i = 1; i <= length(line); i += step) {
            c = substr(line, i, 1)
            step = 1
            if (in_comment) {
                if (substr(line, i, 2) == "*/") { in_comment = 0; step = 2 }
            } else if (in_text) {
                if (c == "\\") { step = 2 } else if (c == quote) { in_text = 0 }
            } else if (substr(line, i, 2) == "/*") {
                in_comment = 1; step = 2
            } else if (c == "\"" || c == "\047") {
                in_text = 1; quote = c
            } else if (c ~ /[0-9]/ && !is_word(substr(line, i - 1, 1))) {
                step = constant(i)
            } else if (substr(line, i, 11) == "return true") {
                emit(i, 11, "return false"); step = 11
            } else if (substr(line, i, 12) == "return false") {
                emit(i, 12, "return true"); step = 12
            } else if (is_word(c)) {
                while (is_word(substr(line, i + step, 1))) { step++ }
            } else {
                step = operator(i)
            }
        }
    }' "$@"
}

# ---- tests ------------------------------------------------------------------------------------

# The header of a source; one without its own is a part of the module whose header it takes first.
header_of() {
    local own=${1%.c}.h
    [ -e "$own" ] || own=$(sed -n "s|^#include \"\(${1%/*}/.*\)\"|\1|p" "$1" | head -n 1)
    echo "$own"
}

# "milliseconds name" of what may notice a change of a source, the quickest first: the suite of its
# module, others that are quick and include its header or use its symbols, and the golden command
# lines of its folder.
watchers_of() {
    local header name ms stem=${1##*/}
    stem=${stem%.c}
    header=$(header_of "$1")
    while read -r ms name; do
        if [[ $header != */"${name#test_}.h" ]]; then
            [ "$ms" -lt "$QUICK_MS" ] || continue
            grep -qsE "\"$header\"|\<${stem}_[a-z]" "tests/$name.c" || continue
        fi
        echo "$ms $name"
    done <"$work/times" >"$work/watchers"
    grep -sE " ($(cases_of "$1"))\$" "$work/case_times" >>"$work/watchers"
    sort -n "$work/watchers"
}

build_test() {
    "$cc" "${flags[@]}" -o "$work/tests/$1" "tests/$1.c" "$work"/tests/*.o -L"$work" \
        -Wl,-rpath,"$PWD/$work" -lheadroom -lcunit "${libs[@]}"
}

# wait_for_slot - until fewer jobs run than there are processors
wait_for_slot() {
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
        wait -n
    done
}

build_tests() {
    local source
    "$cc" -shared -o "$work/libheadroom.so" -Wl,--whole-archive "$build/libheadroom.a" \
        -Wl,--no-whole-archive "${libs[@]}" || return 1
    for source in tests/*.c; do
        case $source in
        tests/test_*) ;;
        *) "$cc" "${flags[@]}" -c -o "$work/tests/$(basename "$source" .c).o" "$source" || return 1 ;;
        esac
    done
    for source in tests/test_*.c; do
        if grep -qE "\"sim/(core|cost|plan)/" "$source"; then
            wait_for_slot
            build_test "$(basename "$source" .c)" &
        fi
    done
    wait
}

# The program and a wrapper that preloads $MUTANT, for the golden command lines.
build_program() {
    "$cc" "${flags[@]}" -DHEADROOM_VERSION='"0"' -DHEADROOM_COMMIT='"0"' -DHEADROOM_PREFIX='"/usr"' \
        -o "$work/program" sim/cli/main.c -L"$work" -Wl,-rpath,"$PWD/$work" -lheadroom "${libs[@]}" || return 1
    # shellcheck disable=SC2016 # the wrapper expands it
    printf '#!/bin/sh\nLD_PRELOAD=$MUTANT HEADROOM_PATH=%s exec %s/program "$@"\n' "$PWD" "$PWD/$work" >"$work/headroom"
    chmod +x "$work/headroom"
}

# The golden command lines that run the sources of a folder, as "a|b|c".
cases_of() {
    case $1 in
    sim/plan/*) echo "${CLI_CASES_PLAN:-plan-tables plan-small plan-mixed}" ;;
    sim/cost/*) echo "${CLI_CASES_COST:-memory-models run-models plan-tables}" ;;
    *) echo "${CLI_CASES_CORE:-run-models plan-tables trace-requests}" ;;
    esac | tr ' ' '|'
}

run_case() { TEST_LIMIT_S=$2 tests/cli/run.sh "$work/headroom" "$1" >/dev/null 2>&1; }
run_suite() { timeout "$2" "$work/tests/$1" >/dev/null 2>&1 </dev/null; }

# time_one FILE COMMAND NAME - one that fails on the right program says nothing
time_one() {
    local seconds
    TIMEFORMAT=%U
    if seconds=$({ time MUTANT='' "$2" "$3" 60; } 2>&1); then
        echo "$((10#${seconds/./})) $3" >>"$1"
    else
        echo "mutate: $3 fails unchanged; left out" >&2
    fi
}

# Milliseconds of processor time that each suite and command line takes on the right program.
time_watchers() {
    local path name
    for path in "$work"/tests/test_*; do
        wait_for_slot
        time_one "$work/times" run_suite "$(basename "$path")" &
    done
    for name in $({ cases_of sim/plan/; cases_of sim/cost/; cases_of sim/core/; } | tr '|' '\n' | sort -u); do
        wait_for_slot
        time_one "$work/case_times" run_case "$name" &
    done
    wait
    [ -s "$work/times" ]
}

# ---- one mutant ---------------------------------------------------------------------------------

# Reads the source from standard input, so that its name is in no object.
compile() { "$cc" "${flags[@]}" -shared -o "$1" -x c - 2>/dev/null; }

# notices_nothing NAME SECONDS LIBRARY - one that does not end is noticed
notices_nothing() {
    if [ -x "$work/tests/$1" ]; then
        LD_PRELOAD=$3 run_suite "$1" "$2"
    else
        MUTANT=$3 run_case "$1" "$2"
    fi
}

# run_mutant NUMBER ROW - leaves killed, survived, same or invalid with the place and the changed line.
run_mutant() {
    ulimit -t 60 # one that hears no signal must not stay
    local so=$work/$1.so source=$work/$1.c file line column length with ms name result=survived changed
    IFS=$'\t' read -r file line column length with <<<"$2"
    awk -v at="$line" -v c="$column" -v n="$length" -v with="$with" \
        'NR == at { $0 = substr($0, 1, c - 1) with substr($0, c + n) } { print }' "$file" >"$source"
    if ! compile "$so" <"$source"; then
        result=invalid
    elif cmp -s "$so" "$work/plain/${file//\//_}.so"; then
        result=same
    else
        while read -r ms name; do
            if ! notices_nothing "$name" $((5 + ms * 8 / 1000)) "$PWD/$so"; then
                result="killed by $name"
                break
            fi
        done <"$work/watchers_of/${file//\//_}"
    fi
    changed=$(sed -n "${line}s/^ *//p" "$source")
    rm -f "$so" "$source"
    printf '%s\t%s:%s\t%s\n' "$result" "$file" "$line" "$changed" >"$work/$1.result"
}

# ---- all ------------------------------------------------------------------------------------------

build_tests || exit 2
build_program || exit 2
time_watchers || exit 2
mkdir -p "$work/watchers_of"
for file in "${files[@]}"; do
    watchers_of "$file" >"$work/watchers_of/${file//\//_}"
    compile "$work/plain/${file//\//_}.so" <"$file"
done
list_mutants "${files[@]}" >"$work/all"
if [ "$sample" -gt 0 ]; then
    awk -v seed="$seed" 'BEGIN { srand(seed) } { print rand() "\t" $0 }' "$work/all" |
        sort -g | cut -f2- | head -n "$sample" >"$work/chosen"
else
    cp "$work/all" "$work/chosen"
fi
number=0
while IFS= read -r row; do
    wait_for_slot
    number=$((number + 1)) # not in the command itself: a job counts for itself
    run_mutant "$number" "$row" 2>/dev/null & # the shell would tell of each that crashed
done <"$work/chosen"
wait
cat "$work"/*.result >"$work/results"

# ---- the sum: known equivalents are no survivors ---------------------------------------------------
awk -F'\t' -v need="$need" '
    FNR == NR { if (!/^#/ && NF >= 3) { reason[$1 "\t" $2] = $3 } next }
    { split($2, place, ":") }
    $1 == "same" || $1 == "invalid" { skipped++; next }
    $1 ~ /^killed/ { killed++; next }
    (place[1] "\t" $3) in reason { equivalent++; next }
    { survived++; print "survived: " $2 ": " $3 }
    END {
        total = killed + survived + equivalent
        if (total == 0) { print "mutate: no mutants"; exit 1 }
        share = 100 * killed / (total - equivalent ? total - equivalent : 1)
        printf "mutate: %d of %d noticed, %.1f %% (at least %d %%); %d cannot be, %d compile to the same or not at all\n",
            killed, total - equivalent, share, need, equivalent, skipped
        exit !(share >= need && equivalent <= 0.05 * total)
    }' tests/mutants.txt "$work/results"

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# check_levels.sh [ROOT] - fails on an include that goes up the levels:
#   base < core < models, hardware < scenarios < cost < load < serve < experiment < fit < plan < report < cli
# A file includes its own folder and lower ones. plots includes base only, and only report and cli
# include plots. models and hardware stand side by side: hardware may take models/dtype.h. cost
# takes plain parameters, never a scenario.
set -uo pipefail
cd "${1:-$(dirname "$0")/..}" || exit 2

mapfile -t files < <(find sim models hardware scenarios plots -name '*.[ch]' 2>/dev/null | LC_ALL=C sort)
awk '
function module(path,   part, n) {
    n = split(path, part, "/")
    if (n < 2) return ""
    return part[1] == "sim" ? part[2] : part[1]
}
function allowed(from, to, header) {
    if (from == to) return 1
    if (to == "plots") return level[from] >= level["report"]
    if (from == "plots") return to == "base"
    if (header == "models/dtype.h" && from == "hardware") return 1
    if (from == "cost" && to == "scenarios") return 0
    return level[from] > level[to]
}
BEGIN {
    n = split("base core models+hardware scenarios cost load serve experiment fit plan report cli", row, " ")
    for (i = 1; i <= n; i++) {
        m = split(row[i], name, "+")
        for (j = 1; j <= m; j++) level[name[j]] = i
    }
    level["plots"] = 0
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    header = quoted[2]
    from = module(FILENAME)
    to = module(header)
    n_seen++
    if (!(from in level)) problem = "folder has no level"
    else if (!(to in level)) problem = "not a path from the top of the tree"
    else problem = allowed(from, to, header) ? "" : from " does not stand above " to
    if (problem != "") {
        printf "%s:%d: includes \"%s\": %s\n", FILENAME, FNR, header, problem
        n_bad++
    }
}
END {
    printf "levels: %d passed, %d failed\n", (n_seen > 0 && !n_bad), n_bad
    exit n_bad > 0 || n_seen == 0
}' /dev/null "${files[@]}"

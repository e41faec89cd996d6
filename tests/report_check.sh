#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# report_check.sh PROGRAM [KEEP] - report.html of a plan in headless Chromium: opens without a
# message on the console, asks nobody for anything, sorts its tables by click, has a name for
# every picture and button, does not run over the side of a phone, prints on A4 and Letter. With
# KEEP the pictures of screen and print stay in that folder, to be looked at.
set -euo pipefail
cd "$(dirname "$0")/.."

program=$(realpath "${1:?usage: tests/report_check.sh PROGRAM [KEEP]}")
for tool in chromium pdfinfo pdftotext pdftoppm; do
    if ! command -v "$tool" >/dev/null; then
        echo "missing $tool: run 'make deps-check'" >&2
        exit 1
    fi
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
n_passed=0

pass() { n_passed=$((n_passed + 1)); }
fail() {
    echo "report: $*" >&2
    exit 1
}
# Root needs --no-sandbox; no name resolves, so nothing leaves the machine.
browse() {
    timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run \
        --host-resolver-rules='MAP * ~NOTFOUND' --disable-component-update --disable-background-networking --disable-sync \
        --user-data-dir="$scratch/profile" --allow-file-access-from-files "$@" 2>"$scratch/log"
}

# Addresses in a net log, but for those that Chromium calls by itself.
asked_for() {
    grep -oE '"url":"https?://[^"]*"' "$1" |
        grep -vE '"https?://([a-z0-9-]+\.)*(google|googleapis|gvt1)\.com/' | LC_ALL=C sort -u || true
}
# A page that does ask, so that silence means something.
echo '<img src="http://probe.invalid/x.png">' >"$scratch/asks.html"
browse --log-net-log="$scratch/net.json" --dump-dom "file://$scratch/asks.html" >/dev/null
asked_for "$scratch/net.json" | grep probe.invalid >/dev/null || fail "a request is not noticed"

cat >"$scratch/plan.yaml" <<'END'
schema: 1
name: "<script>document.title='broken'</script>"
question: What does <b>chat</b> cost on machines of our own, and from when on?
model:
  - {name: llama-4-scout, weights: fp8, kv_cache: fp8, quality: 74.3}
  - {name: llama-4-maverick, weights: fp8, kv_cache: fp8, quality: 80.5}
workload:
  - class: chat
    arrivals: {process: poisson, rate: 16/s}
    prompt: {dist: lognormal, mean: 1155, p95: 4083, max: 14050}
    output: {dist: lognormal, mean: 211, p95: 451, max: 1000}
    slo: {ttft_p95: 1 s, tpot_p95: 50 ms, loss_max: 0.1%}
demand: {requests_per_day: 20M, shape: office-hours, growth_per_month: 3%, horizon: 36 months}
engine: {kind: vllm, max_model_len: 32k}
deployments:
  - {hardware: [h200-sxm, b200], tp: auto, replicas: auto}
simulation: {requests: 500, replications: 2, seed: 1}
END
"$program" plan "$scratch/plan.yaml" -q -o "$scratch/out" >"$scratch/printed" ||
    fail "the plan failed"
report=$scratch/out/report.html

# A copy that says in its title what it found; the page's own script has run before.
cat >"$scratch/probe.html" <<'END'
<script>
(function () {
    var bad = [];
    var th = document.querySelector('.t-ranking thead th:nth-child(5)');
    function costs() {
        return Array.from(th.closest('table').tBodies[0].rows).map(function (row) {
            return row.cells[4].getAttribute('data-sort');
        });
    }
    function sorted(sign) {
        return costs().filter(Boolean).map(Number).every(function (x, i, all) {
            return i === 0 || sign * (x - all[i - 1]) >= 0;
        });
    }
    var before = costs().length;
    th.firstChild.click();
    if (!sorted(1) || th.getAttribute('aria-sort') !== 'ascending') { bad.push('ascending'); }
    th.firstChild.click();
    if (!sorted(-1) || th.getAttribute('aria-sort') !== 'descending') { bad.push('descending'); }
    if (before < 3 || costs().length !== before) { bad.push('rows'); }
    document.querySelectorAll('svg[role=img]').forEach(function (e) {
        if (!e.getAttribute('aria-label')) { bad.push('picture without words'); }
    });
    if (document.querySelectorAll('figure svg').length < 5) { bad.push('charts'); }
    document.querySelectorAll('button').forEach(function (e) {
        if (!e.textContent.trim()) { bad.push('button without words'); }
    });
    document.querySelectorAll('[aria-labelledby]').forEach(function (e) {
        if (!document.getElementById(e.getAttribute('aria-labelledby'))) { bad.push('label'); }
    });
    var ids = Array.from(document.querySelectorAll('[id]')).map(function (e) { return e.id; });
    if (new Set(ids).size !== ids.length) { bad.push('an id twice'); }
    document.querySelectorAll('nav a').forEach(function (a) {
        if (!document.querySelector(a.getAttribute('href'))) { bad.push('link ' + a.hash); }
    });
    if (document.querySelectorAll('[data-source]').length < 100) { bad.push('sources'); }
    var wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wide > 0) { bad.push('runs over the side by ' + wide); }
    if (performance.getEntriesByType('resource').length) { bad.push('requests'); }
    document.documentElement.setAttribute('data-probe', bad.length ? bad.join(', ') : 'good');
}());
</script>
END
sed "/<\/body>/{
r $scratch/probe.html
N
}" "$report" >"$scratch/out/probe.html"

browse --enable-logging=stderr --v=0 --log-net-log="$scratch/net.json" --window-size=1280,900 \
    --dump-dom "file://$report" >"$scratch/dom.html" || fail "Chromium does not open the report"
if grep -q 'CONSOLE' "$scratch/log"; then
    grep 'CONSOLE' "$scratch/log" >&2
    fail "messages on the console"
fi
pass
asked_for "$scratch/net.json" >"$scratch/asked"
if [ -s "$scratch/asked" ]; then
    cat "$scratch/asked" >&2
    fail "something is asked for while the report is open"
fi
if grep -aqE 'src="|<link|url\(http' "$report"; then
    fail "the report names something to fetch"
fi
pass
for width in 1280 500; do
    browse --window-size=$width,900 --dump-dom "file://$scratch/out/probe.html" >"$scratch/dom.html"
    found=$(grep -o 'data-probe="[^"]*"' "$scratch/dom.html" | head -n 1)
    [ "$found" = 'data-probe="good"' ] || fail "at $width px: ${found:-the probe did not run}"
    pass
done

# Screens: a frame gives a window narrower than Chromium's least.
shot() {
    local width=$1 height=$2 name=$3
    shift 3
    printf '<!DOCTYPE html><body style="margin:0"><iframe src="file://%s" style="border:0;width:%dpx;height:%dpx"></iframe>' \
        "$report" "$width" "$height" >"$scratch/frame.html"
    browse --window-size="$((width < 500 ? 500 : width)),$height" \
        --screenshot="$scratch/$name.png" "$@" "file://$scratch/frame.html" >/dev/null
    [ -s "$scratch/$name.png" ] || fail "no picture of $name"
    pass
}
shot 390 2600 screen-390
shot 1280 4000 screen-1280
shot 1280 2000 screen-dark --blink-settings=preferredColorScheme=0

for paper in A4 Letter; do
    sed "s|</head>|<style>@page{size:$paper}</style></head>|" "$report" >"$scratch/out/$paper.html"
    browse --no-pdf-header-footer --print-to-pdf="$scratch/$paper.pdf" \
        "file://$scratch/out/$paper.html" >/dev/null
    pdfinfo "$scratch/$paper.pdf" | grep -qi "^Page size:.*$paper" || fail "no print on $paper"
    n_pages=$(pdfinfo "$scratch/$paper.pdf" | awk '/^Pages:/ {print $2}')
    if [ "$n_pages" -lt 4 ] || [ "$n_pages" -gt 16 ]; then
        fail "$n_pages pages on $paper"
    fi
    for ((i = 1; i <= n_pages; i++)); do
        [ "$(pdftotext -f "$i" -l "$i" "$scratch/$paper.pdf" - | tr -d '[:space:]' | wc -c)" -gt 40 ] ||
            fail "page $i on $paper is empty"
    done
    pdftotext "$scratch/$paper.pdf" "$scratch/$paper.txt"
    grep -q 'Ranked options' "$scratch/$paper.txt" || fail "no table on $paper"
    pdftoppm -r 50 -png "$scratch/$paper.pdf" "$scratch/print-$paper"
    pass
done

if [ -n "${2:-}" ]; then
    mkdir -p "$2"
    cp "$report" "$scratch"/*.png "$scratch"/*.pdf "$2"
fi
echo "report: $n_passed passed, 0 failed"

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* html_style.c - head, style and script of report.html. The policy in the head forbids every
 * request, so the file cannot reach out even where a browser would. */
#include "sim/report/html_page.h"

static const char *const style[] = {
    ":root{--bg:#fff;--fg:#1b1b1b;--soft:#565656;--line:#d5d5d5;--card:#f5f6f8;--link:#0b57a4;"
    "--mark:#0072b2;color-scheme:light dark}\n"
    "@media screen and (prefers-color-scheme:dark){:root{--bg:#141414;--fg:#ececec;"
    "--soft:#b0b0b0;--line:#3d3d3d;--card:#1f2124;--link:#8ec5ff;--mark:#56b4e9}\n"
    ".chart svg{filter:invert(.92) hue-rotate(180deg)}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--fg);"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;"
    "overflow-wrap:anywhere}\n"
    "header,main,nav,footer{max-width:80rem;margin:0 auto;padding:0 1.25rem}\n"
    "header{padding-top:1.75rem}\n"
    "h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 .6rem}\n"
    "h2{font-size:1.25rem;margin:2.4rem 0 .6rem}\nh3{font-size:1.05rem;margin:1.6rem 0 .4rem}\n"
    "p{margin:.5rem 0;max-width:62rem}\nsmall,.soft{color:var(--soft)}\na{color:var(--link)}\n"
    ".skip{position:absolute;left:-99rem}.skip:focus{position:static}\n"
    ".answer{font-size:1.2rem;line-height:1.4;border-left:5px solid var(--mark);"
    "background:var(--card);padding:.9rem 1.1rem;margin:1rem 0;max-width:none}\n"
    ".answer p{margin:0;max-width:none}.answer ul{margin:.5rem 0 0;padding-left:1.2rem;"
    "font-size:1rem}\n",
    "nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;padding:0;"
    "margin:.8rem 0;font-size:.95rem}\n"
    "dl.facts{display:grid;grid-template-columns:minmax(9rem,13rem) 1fr;gap:.55rem 1.2rem;"
    "margin:1rem 0}\n"
    "dl.facts dt{font-weight:600}\ndl.facts dd{margin:0}\n"
    "@media (max-width:40rem){dl.facts{display:block}dl.facts dd{margin:0 0 .8rem}"
    "h1{font-size:1.35rem}.answer{font-size:1.05rem}}\n"
    ".scroll{overflow-x:auto;margin:.6rem 0 1.2rem}\n"
    ".scroll:focus-visible,.chart:focus-visible,button:focus-visible,a:focus-visible,"
    "summary:focus-visible{outline:3px solid var(--mark);outline-offset:2px}\n"
    "table{border-collapse:collapse;width:100%;font-size:.86rem;line-height:1.35;"
    "font-variant-numeric:tabular-nums;overflow-wrap:normal}\n"
    "caption{text-align:left;font-weight:600;padding:.3rem 0}\n"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .55rem;"
    "border-bottom:1px solid var(--line)}\n"
    "thead th{border-bottom:2px solid var(--soft);vertical-align:bottom;padding:0}\n"
    "tbody th{font-weight:400;min-width:11rem}\n"
    "td.long{min-width:14rem;overflow-wrap:anywhere}\n.num{text-align:right;white-space:nowrap}"
    "\n"
    "thead th.num{white-space:normal}\n"
    "th button{font:inherit;font-weight:600;color:inherit;background:none;border:0;width:100%;"
    "padding:.35rem .55rem;text-align:inherit;cursor:pointer}\n"
    "th button small{display:block;font-weight:400}\n"
    "th[aria-sort=ascending] button::after{content:' \\2191'}\n"
    "th[aria-sort=descending] button::after{content:' \\2193'}\n"
    "tr.chosen>*{background:var(--card)}tr.chosen>th{box-shadow:inset 4px 0 var(--mark)}\n",
    "figure{margin:1.2rem 0 1.8rem}\n"
    ".chart{overflow-x:auto;border:1px solid var(--line)}\n"
    ".chart svg{display:block;width:100%;min-width:46rem;height:auto}\n"
    "figcaption{color:var(--soft);font-size:.92rem;margin-top:.35rem}\n"
    "details{margin:.6rem 0}summary{cursor:pointer;font-weight:600}\n"
    "ul.flips{padding-left:1.2rem}\nfooter{padding-top:1.5rem;padding-bottom:2.5rem;"
    "font-size:.9rem;color:var(--soft);border-top:1px solid var(--line);margin-top:2.5rem}\n"
    "@page{margin:14mm 13mm}\n"
    "@media print{body{font-size:10pt}header,main,footer{max-width:none;padding-left:0;"
    "padding-right:0}nav,.skip,.screen{display:none}h1{font-size:16pt}h2{font-size:13pt}"
    "h2,h3,caption{break-after:avoid}figure,tr,.answer,dl.facts>*{break-inside:avoid}"
    "thead{display:table-header-group}.scroll,.chart{overflow:visible}"
    ".chart{border:0}.chart svg{min-width:0;max-height:215mm}"
    "table{font-size:7pt}th,td,thead th{padding:1.2mm 1mm}"
    "th button{display:contents}th button::after{content:none!important}"
    "details:not([open],.print){display:none}"
    "details.print::details-content{content-visibility:visible;block-size:auto}"
    ".t-ranking tr>:nth-child(6),.t-ranking tr>:nth-child(8),.t-ranking tr>:nth-child(9),"
    ".t-ranking tr>:nth-child(13),.t-inputs tr>:nth-child(6){display:none}"
    "td.num>small,thead th.num small{white-space:normal}thead{break-inside:avoid}tbody "
    "th{overflow-wrap:anywhere;min-width:30mm}"
    "td.long{min-width:0}a{color:inherit;text-decoration:none}details>summary{list-style:none}"
    ".answer,tr.chosen>*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n",
};

/* Empty cells go last either way; equal rows keep their order. */
static const char *const script[] = {
    "(function(){'use strict';\n"
    "function key(row,i){return row.cells[i].getAttribute('data-sort')||'';}\n"
    "function compare(a,b,up){\n"
    "  if(a===''||b==='')return (a==='')-(b==='');\n"
    "  var x=Number(a),y=Number(b);\n"
    "  var order=isNaN(x)||isNaN(y)?a.localeCompare(b):x-y;\n"
    "  return up?order:-order;}\n"
    "function sort(th){\n"
    "  var i=th.cellIndex,up=th.getAttribute('aria-sort')!=='ascending';\n"
    "  var body=th.closest('table').tBodies[0],rows=Array.from(body.rows);\n"
    "  rows.sort(function(a,b){return compare(key(a,i),key(b,i),up);});\n"
    "  rows.forEach(function(row){body.appendChild(row);});\n"
    "  "
    "Array.from(th.parentNode.cells).forEach(function(c){c.setAttribute('aria-sort','none');});"
    "\n"
    "  th.setAttribute('aria-sort',up?'ascending':'descending');}\n"
    "document.querySelectorAll('th button').forEach(function(b){\n"
    "  b.addEventListener('click',function(){sort(b.parentNode);});});\n"
    "})();\n",
};

void page_begin(const struct page *p)
{
    FILE *out = p->out;
    const struct scenario *sc = p->report->scenario;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
          "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; "
          "form-action 'none'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    page_text(out, sc->name);
    fputs(" – capacity plan</title>\n<style>\n", out);
    for (size_t i = 0; i < sizeof style / sizeof *style; i++) {
        fputs(style[i], out);
    }
    fputs(
        "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the answer</a>\n",
        out);
}

void page_end(const struct page *p)
{
    fputs("<script>\n", p->out);
    for (size_t i = 0; i < sizeof script / sizeof *script; i++) {
        fputs(script[i], p->out);
    }
    fputs("</script>\n</body>\n</html>\n", p->out);
}

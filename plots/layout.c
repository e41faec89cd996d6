/* SPDX-License-Identifier: GPL-3.0-or-later */
/* layout.c - see layout.h. layout_spread pools neighbours that collide into blocks (isotonic
 * regression on the gaps), O(n^2) for n labels, n is at most a few dozen. */
#include "plots/layout.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Advance widths of DejaVu Sans 2.37, characters 32 to 126, in hundredths of the font size. */
static const unsigned char ascii_width[95] = {
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36,  32, 34, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63,
    58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63,  61, 73, 68, 99, 69,
    61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35,  63, 63, 28, 28, 58,
    28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59,  52, 64, 34, 64, 84,
};

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0u) == 0x80u;
}

static double char_px(const char *s, double size_px)
{
    unsigned char c = (unsigned char)*s;
    if (is_continuation(*s)) {
        return 0;
    }
    double hundredths = c >= 0xE0 ? 100 : c >= 32 && c < 127 ? ascii_width[c - 32] : 64;
    return hundredths * size_px / 100;
}

static double span_px(const char *text, size_t n, double size_px, bool bold)
{
    double px = 0;
    for (size_t i = 0; i < n; i++) {
        px += char_px(text + i, size_px);
    }
    return bold ? px * 1.13 : px;
}

double layout_text_px(const char *text, double size_px, bool bold)
{
    return span_px(text, strlen(text), size_px, bold);
}

/* Longest head of text (in bytes) that fits and ends where a line may break; 0 if there is
 * none. */
static size_t break_at(const char *text, double size_px, bool bold, double width_px)
{
    size_t best = 0;
    for (size_t i = 1; text[i]; i++) {
        bool may = text[i] == ' ' || strchr("-_/,+", text[i - 1]);
        if (may && span_px(text, i, size_px, bold) <= width_px) {
            best = i;
        }
    }
    return best;
}

static size_t char_back(const char *text, size_t i)
{
    do {
        i--;
    } while (i > 0 && is_continuation(text[i]));
    return i;
}

/* Takes characters out of the middle until head, ellipsis and tail fit. */
static const char *shorten(struct arena *arena, const char *text, double size_px, bool bold,
                           double width_px)
{
    size_t n = strlen(text), head = n / 2;
    if (span_px(text, n, size_px, bold) <= width_px) {
        return arena_strdup(arena, text);
    }
    while (head > 0 && is_continuation(text[head])) {
        head--;
    }
    size_t tail = head;
    double room_px = width_px - size_px;
    bool from_head = true;
    while (head > 0 && tail < n &&
           span_px(text, head, size_px, bold) + span_px(text + tail, n - tail, size_px, bold) >
               room_px) {
        if (from_head) {
            head = char_back(text, head);
        } else {
            do {
                tail++;
            } while (tail < n && is_continuation(text[tail]));
        }
        from_head = !from_head;
    }
    return arena_printf(arena, "%.*s…%s", (int)head, text, text + tail);
}

int layout_wrap(struct arena *arena, const char *text, double size_px, bool bold,
                double width_px, int max_lines, const char **lines)
{
    int n = 0;
    text += strspn(text, " ");
    while (*text && n < max_lines) {
        bool fits = layout_text_px(text, size_px, bold) <= width_px;
        size_t cut = fits ? 0 : break_at(text, size_px, bold, width_px);
        if (fits || cut == 0 || n == max_lines - 1) {
            lines[n++] = shorten(arena, text, size_px, bold, width_px);
            break;
        }
        lines[n++] = arena_strndup(arena, text, cut);
        text += cut;
        text += strspn(text, " ");
    }
    return n;
}

/* "1 h 30", "2 min", "1 min 05": neighbours on an axis keep one form. */
static void format_clock(char *buf, size_t n, double value_s)
{
    bool hours = value_s >= 3600;
    double big = hours ? 3600 : 60, small = hours ? 60 : 1;
    double whole = floor(value_s / big + 1e-9);
    double rest = floor((value_s - whole * big) / small + 0.5);
    if (rest > 0) {
        snprintf(buf, n, "%.0f %s %02.0f", whole, hours ? "h" : "min", rest);
    } else {
        snprintf(buf, n, "%.0f %s", whole, hours ? "h" : "min");
    }
}

const char *layout_format(char *buf, size_t n, double value, enum layout_unit unit)
{
    static const struct {
        double from, size;
        const char *suffix;
    } rows[][4] = {
        [LAYOUT_COUNT] = {{1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e3, 1e3, "k"}, {0, 1, ""}},
        [LAYOUT_LATENCY] = {{1, 1, " s"}, {1e-3, 1e-3, " ms"}, {0, 1e-6, " µs"}, {0, 1, ""}},
        [LAYOUT_CLOCK] = {{1, 1, " s"}, {1e-3, 1e-3, " ms"}, {0, 1e-6, " µs"}, {0, 1, ""}},
        [LAYOUT_FRAC] = {{0, 0.01, " %"}, {0, 0.01, " %"}, {0, 0.01, " %"}, {0, 0.01, " %"}},
    };
    int k = 0;
    if (value == 0 && unit != LAYOUT_FRAC) {
        snprintf(buf, n, "0");
        return buf;
    }
    if (unit == LAYOUT_CLOCK && value >= 60) {
        format_clock(buf, n, value);
        return buf;
    }
    /* 999.7 prints as 1000: compare with a margin so that it becomes 1k. */
    while (k < 3 && fabs(value) < rows[unit][k].from * 0.9995) {
        k++;
    }
    double scaled = value / rows[unit][k].size;
    snprintf(buf, n, fabs(scaled) >= 1000 ? "%.0f%s" : "%.3g%s", scaled, rows[unit][k].suffix);
    return buf;
}

static void add_tic(struct layout_axis *axis, double value)
{
    double slack = axis->log ? 0 : (axis->hi - axis->lo) * 1e-9;
    if (axis->n_tics < LAYOUT_MAX_TICS && value >= axis->lo - slack &&
        value <= axis->hi + slack) {
        axis->tics[axis->n_tics++] = value;
    }
}

/* Steps of a clock are 1 2 5 10 20 30 s, min, then hours; of all else 1 2 5 x 10^k. */
static double nice_step(double least, enum layout_unit unit)
{
    static const double clock[] = {1,   2,   5,    10,   15,   30,    60,    120,   300,
                                   600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400};
    if (unit == LAYOUT_CLOCK && least > 0.5 && least <= 86400) {
        for (size_t i = 0; i < sizeof clock / sizeof *clock; i++) {
            if (clock[i] >= least) {
                return clock[i];
            }
        }
    }
    double power = pow(10, floor(log10(least)));
    double head = least / power;
    return power * (head <= 1 ? 1 : head <= 2 ? 2 : head <= 5 ? 5 : 10);
}

static void fit_linear(struct layout_axis *axis, double lo, double hi)
{
    lo = fmin(lo, 0);
    hi = hi > lo ? hi : lo + 1;
    double step = nice_step((hi - lo) / 7, axis->unit);
    axis->lo = floor(lo / step) * step;
    axis->hi = hi + (hi - lo) * 0.04;
    for (int i = 0; i <= LAYOUT_MAX_TICS; i++) {
        add_tic(axis, axis->lo + step * i);
    }
}

static void fit_log(struct layout_axis *axis, double lo, double hi)
{
    static const double dense[] = {1, 2, 5}, sparse[] = {1}, wide[] = {1, 3};
    double decades = log10(hi / lo);
    const double *heads = decades <= 2.2 ? dense : decades <= 3.3 ? wide : sparse;
    int n_heads = decades <= 2.2 ? 3 : decades <= 3.3 ? 2 : 1;
    double pad = pow(10, fmax(decades, 1) * 0.05);
    axis->lo = lo / pad;
    axis->hi = hi * pad;
    int first = (int)floor(log10(axis->lo)), last = (int)ceil(log10(axis->hi));
    for (int e = first; e <= last; e++) {
        for (int k = 0; k < n_heads; k++) {
            add_tic(axis, heads[k] * pow(10, e));
        }
    }
}

void layout_axis_fit(struct layout_axis *axis, double lo, double hi, double log_above,
                     enum layout_unit unit)
{
    *axis = (struct layout_axis){.unit = unit};
    axis->log = lo > 0 && hi / lo > log_above;
    if (axis->log) {
        fit_log(axis, lo, hi);
    } else {
        fit_linear(axis, lo, hi);
    }
}

double layout_axis_frac(const struct layout_axis *axis, double value)
{
    if (axis->log) {
        return log(value / axis->lo) / log(axis->hi / axis->lo);
    }
    return (value - axis->lo) / (axis->hi - axis->lo);
}

#define SPREAD_MAX 64

struct block {
    int first, n;         /* places in the sorted order */
    double offset_sum_px; /* of wanted top edge minus height above it, over its members */
};

/* Top edge of the block, kept within the limits. */
static double block_top(const struct block *b, double height_px, double lo_px, double hi_px)
{
    double top = b->offset_sum_px / b->n;
    return fmax(lo_px, fmin(top, hi_px - height_px));
}

static double stack_px(const double *height_px, const int *order, int first, int n)
{
    double sum = 0;
    for (int i = first; i < first + n; i++) {
        sum += height_px[order[i]];
    }
    return sum;
}

static void sort_by(const double *key, int *order, int n)
{
    for (int i = 0; i < n; i++) {
        int k = i;
        for (; k > 0 && key[order[k - 1]] > key[i]; k--) {
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
}

void layout_spread(int n, double *at_px, const double *height_px, double lo_px, double hi_px)
{
    int order[SPREAD_MAX], n_blocks = 0;
    struct block blocks[SPREAD_MAX];
    ASSERT(n <= SPREAD_MAX);
    sort_by(at_px, order, n);
    for (int i = 0; i < n; i++) {
        double top = at_px[order[i]] - height_px[order[i]] / 2;
        blocks[n_blocks++] = (struct block){.first = i, .n = 1, .offset_sum_px = top};
        while (n_blocks > 1) {
            struct block *a = &blocks[n_blocks - 2], *b = &blocks[n_blocks - 1];
            double a_px = stack_px(height_px, order, a->first, a->n);
            double b_px = stack_px(height_px, order, b->first, b->n);
            if (block_top(a, a_px, lo_px, hi_px) + a_px <= block_top(b, b_px, lo_px, hi_px)) {
                break;
            }
            a->offset_sum_px += b->offset_sum_px - b->n * a_px;
            a->n += b->n;
            n_blocks--;
        }
    }
    for (int k = 0; k < n_blocks; k++) {
        const struct block *b = &blocks[k];
        double height = stack_px(height_px, order, b->first, b->n);
        double top = block_top(b, height, lo_px, hi_px);
        for (int i = b->first; i < b->first + b->n; i++) {
            at_px[order[i]] = top + height_px[order[i]] / 2;
            top += height_px[order[i]];
        }
    }
}

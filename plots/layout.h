/* SPDX-License-Identifier: GPL-3.0-or-later */
/* layout.h - where things stand on a chart: text widths, wrapping, axis ranges with human tic
 * labels, labels that do not cover each other. Pure functions; lengths in pixels of the SVG. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/base/mem.h"

/* Width of UTF-8 text in DejaVu Sans at this size, from the font's advance widths (ASCII; any
 * other character counts as a wide letter). Bold is about an eighth wider. */
double layout_text_px(const char *text, double size_px, bool bold);

/* Breaks text into at most max_lines lines no wider than width_px, at blanks or behind one of
 * -_/,+. Text that is still too long loses its middle ("abc…xyz"): names of deployments differ
 * at both ends. Lines live in the arena. Returns the number of lines, 0 for empty text. */
int layout_wrap(struct arena *arena, const char *text, double size_px, bool bold,
                double width_px, int max_lines, const char **lines);

enum layout_unit {
    LAYOUT_COUNT,   /* 1.2k, 3M */
    LAYOUT_LATENCY, /* 20 ms, 1.5 s */
    LAYOUT_CLOCK,   /* 30 s, 5 min, 1 h 30 */
    LAYOUT_FRAC,    /* 40 % */
};

/* value in base units; writes to buf and returns it. */
const char *layout_format(char *buf, size_t n, double value, enum layout_unit unit);

#define LAYOUT_MAX_TICS 24
struct layout_axis {
    double lo, hi;
    bool log;
    enum layout_unit unit;
    int n_tics;
    double tics[LAYOUT_MAX_TICS];
};

/* A range around lo..hi (both finite): logarithmic when both are positive and hi / lo >
 * log_above, else linear from zero (from below zero if lo is negative). A single value gets
 * room on both sides. */
void layout_axis_fit(struct layout_axis *axis, double lo, double hi, double log_above,
                     enum layout_unit unit);
/* Position of value as a fraction of the axis, 0 = lo, 1 = hi. */
double layout_axis_frac(const struct layout_axis *axis, double value);

/* Moves n labels of height_px along one direction, as little as possible (least squares), so
 * that none overlaps another and all stay in lo..hi when they fit at all. at_px: wanted
 * centres, replaced by the found ones. Ties keep their index order. */
void layout_spread(int n, double *at_px, const double *height_px, double lo_px, double hi_px);

#endif

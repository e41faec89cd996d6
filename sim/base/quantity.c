/* SPDX-License-Identifier: GPL-3.0-or-later */
/* quantity.c - see quantity.h. The syntax of the number is checked here, so strtod only ever
 * sees decimal digits: no hex, no "inf", no locale's comma. Units are case-sensitive because
 * case carries meaning (b and B, m and M). */
#include "sim/base/quantity.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/mem.h"

#define NUMBER_MAX_BYTES 64
#define SUFFIX_MAX_BYTES 31

struct suffix {
    const char *name;
    double factor;
};

/* How one kind of quantity is written. */
struct kind {
    const char *noun;            /* "a duration" */
    const struct suffix *suffix; /* ends with a NULL name */
    const char *list;            /* for messages */
    bool bare;                   /* a number without unit is fine */
};

#define KIB 1024.0
#define MIB (KIB * KIB)
#define GIB (KIB * MIB)
#define TIB (KIB * GIB)
#define DAY_S 86400.0
#define MONTH_S (30.4375 * DAY_S) /* a twelfth of 365.25 days */

static const struct suffix count_suffix[] = {{"k", 1e3}, {"K", 1e3},  {"M", 1e6},
                                             {"G", 1e9}, {"T", 1e12}, {NULL, 0}};
static const struct suffix tokens_suffix[] = {{"k", 1e3},  {"K", 1e3},  {"M", 1e6},
                                              {"G", 1e9},  {"T", 1e12}, {"Ki", KIB},
                                              {"Mi", MIB}, {"Gi", GIB}, {NULL, 0}};
static const struct suffix time_suffix[] = {{"ns", 1e-9},
                                            {"us", 1e-6},
                                            {"\xc2\xb5s", 1e-6},
                                            {"ms", 1e-3},
                                            {"s", 1},
                                            {"min", 60},
                                            {"h", 3600},
                                            {"d", DAY_S},
                                            {"day", DAY_S},
                                            {"days", DAY_S},
                                            {"month", MONTH_S},
                                            {"months", MONTH_S},
                                            {"year", 12 * MONTH_S},
                                            {"years", 12 * MONTH_S},
                                            {NULL, 0}};
static const struct suffix bytes_suffix[] = {
    {"B", 1},     {"kB", 1e3},  {"KB", 1e3},  {"MB", 1e6},  {"GB", 1e9}, {"TB", 1e12},
    {"KiB", KIB}, {"MiB", MIB}, {"GiB", GIB}, {"TiB", TIB}, {NULL, 0}};
static const struct suffix frac_suffix[] = {{"%", 0.01}, {NULL, 0}};
static const struct suffix flow_suffix[] = {
    {"B/s", 1},          {"kB/s", 1e3},      {"MB/s", 1e6},      {"GB/s", 1e9},
    {"TB/s", 1e12},      {"KiB/s", KIB},     {"MiB/s", MIB},     {"GiB/s", GIB},
    {"TiB/s", TIB},      {"b/s", 1. / 8},    {"kb/s", 1e3 / 8},  {"Mb/s", 1e6 / 8},
    {"Gb/s", 1e9 / 8},   {"Tb/s", 1e12 / 8}, {"bps", 1. / 8},    {"kbps", 1e3 / 8},
    {"Mbps", 1e6 / 8},   {"Gbps", 1e9 / 8},  {"Tbps", 1e12 / 8}, {"Gbit/s", 1e9 / 8},
    {"Mbit/s", 1e6 / 8}, {NULL, 0}};
static const struct suffix usd_suffix[] = {{"k", 1e3},     {"M", 1e6},     {"USD", 1},
                                           {"k USD", 1e3}, {"M USD", 1e6}, {"kUSD", 1e3},
                                           {"MUSD", 1e6},  {NULL, 0}};
static const struct suffix usd_h_suffix[] = {{"/h", 1},    {"/hour", 1},    {"USD", 1},
                                             {"USD/h", 1}, {"USD/hour", 1}, {NULL, 0}};
static const struct suffix usd_mtok_suffix[] = {
    {"/Mtok", 1}, {"USD", 1}, {"USD/Mtok", 1}, {NULL, 0}};
static const struct suffix watt_suffix[] = {{"W", 1}, {"kW", 1e3}, {"MW", 1e6}, {NULL, 0}};
static const struct suffix flops_suffix[] = {
    {"FLOPS", 1},  {"GFLOPS", 1e9},  {"TFLOPS", 1e12},  {"PFLOPS", 1e15},  {"EFLOPS", 1e18},
    {"FLOP/s", 1}, {"GFLOP/s", 1e9}, {"TFLOP/s", 1e12}, {"PFLOP/s", 1e15}, {NULL, 0}};

static const struct kind kinds[] = {
    [UNIT_COUNT] = {"a count", count_suffix, "k, M, G or T", true},
    [UNIT_TOKENS] = {"a token count", tokens_suffix, "k, M, G (thousands) or Ki, Mi, Gi", true},
    [UNIT_S] = {"a duration", time_suffix, "ns, us, ms, s, min, h, d, months or years", false},
    [UNIT_BYTES] = {"a size", bytes_suffix, "B, kB, MB, GB, TB, KiB, MiB, GiB or TiB", false},
    [UNIT_RATE] = {"a rate", count_suffix, "/s, /min, /h, /day or /month", true},
    [UNIT_FRAC] = {"a fraction", frac_suffix, "% or no unit", true},
    [UNIT_BYTES_PER_S] = {"a bandwidth", flow_suffix, "MB/s, GB/s, TB/s, GiB/s, Gb/s or Gbps",
                          false},
    [UNIT_USD] = {"an amount of money", usd_suffix, "USD, k or M", true},
    [UNIT_USD_PER_H] = {"a price per hour", usd_h_suffix, "USD/h", true},
    [UNIT_USD_PER_MTOK] = {"a price per million tokens", usd_mtok_suffix, "USD/Mtok", true},
    [UNIT_W] = {"a power", watt_suffix, "W, kW or MW", true},
    [UNIT_FLOPS_PER_S] = {"a compute rate", flops_suffix, "GFLOPS, TFLOPS or PFLOPS", false},
};

static bool say(char *why, size_t why_size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool say(char *why, size_t why_size, const char *fmt, ...)
{
    if (why && why_size > 0) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(why, why_size, fmt, args);
        va_end(args);
    }
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *skip_blanks(const char *s)
{
    while (is_blank(*s)) {
        s++;
    }
    return s;
}

static const char *skip_digits(const char *s)
{
    while (is_digit(*s)) {
        s++;
    }
    return s;
}

/* End of the decimal number at s, or s when there is none. */
static const char *number_end(const char *s)
{
    const char *p = *s == '+' || *s == '-' ? s + 1 : s;
    const char *whole = skip_digits(p);
    const char *end = *whole == '.' ? skip_digits(whole + 1) : whole;
    if (end - p - (*whole == '.') <= 0) {
        return s;
    }
    if (*end == 'e' || *end == 'E') {
        const char *exponent = end[1] == '+' || end[1] == '-' ? end + 2 : end + 1;
        end = is_digit(*exponent) ? skip_digits(exponent) : end;
    }
    return end;
}

/* The number at *s, which moves behind it. text is the whole value, for the message. */
static bool take_number(const char *text, const char **s, double *value, char *why,
                        size_t why_size)
{
    const char *end = number_end(*s);
    if (end == *s) {
        return *skip_blanks(text) ? say(why, why_size, "'%.40s' is not a number", text)
                                  : say(why, why_size, "empty where a number belongs");
    }
    char *stop;
    *value = strtod(*s, &stop);
    if (stop != end && *end != 'x' && *end != 'X') {
        return say(why, why_size, "'%.40s' is not a number", text);
    }
    if (!isfinite(*value)) {
        return say(why, why_size, "'%.40s' is too large", text);
    }
    *s = end;
    return true;
}

/* The text without blanks around it; false when it cannot be a quantity for its length alone.
 */
static bool trim(const char *text, char *out, size_t out_size, char *why, size_t why_size)
{
    text = skip_blanks(text);
    size_t n = strlen(text);
    while (n > 0 && is_blank(text[n - 1])) {
        n--;
    }
    if (n >= out_size) {
        return say(why, why_size, "'%.40s...' is too long for a number", text);
    }
    memcpy(out, text, n);
    out[n] = '\0';
    return true;
}

static bool find_suffix(const struct suffix *list, const char *name, double *factor)
{
    for (; list->name; list++) {
        if (strcmp(list->name, name) == 0) {
            *factor = list->factor;
            return true;
        }
    }
    return false;
}

/* "M/day" of "2M/day": the part before the slash is a count, the part behind it a time. */
static bool rate_factor(const char *suffix, double *factor)
{
    static const struct suffix per[] = {
        {"s", 1},       {"ms", 1e-3},       {"min", 60},
        {"h", 3600},    {"hour", 3600},     {"d", DAY_S},
        {"day", DAY_S}, {"month", MONTH_S}, {"year", 12 * MONTH_S},
        {NULL, 0}};
    char count[SUFFIX_MAX_BYTES + 1];
    const char *slash = strchr(suffix, '/');
    size_t n = slash ? (size_t)(slash - suffix) : strlen(suffix);
    double scale = 1, time_s = 1;
    if (n > SUFFIX_MAX_BYTES) {
        return false;
    }
    memcpy(count, suffix, n);
    count[n] = '\0';
    while (n > 0 && is_blank(count[n - 1])) {
        count[--n] = '\0';
    }
    bool ok = (n == 0 || find_suffix(count_suffix, count, &scale)) &&
              (!slash || find_suffix(per, skip_blanks(slash + 1), &time_s));
    *factor = scale / time_s;
    return ok;
}

static bool is_money(enum unit unit)
{
    return unit == UNIT_USD || unit == UNIT_USD_PER_H || unit == UNIT_USD_PER_MTOK;
}

static bool suffix_factor(enum unit unit, const char *suffix, double *factor)
{
    return unit == UNIT_RATE ? rate_factor(suffix, factor)
                             : find_suffix(kinds[unit].suffix, suffix, factor);
}

/* value and suffix apart: scales, or says what is wrong with the suffix. */
static bool scale_value(const char *text, enum unit unit, const char *suffix, double *value,
                        char *why, size_t why_size)
{
    const struct kind *kind = &kinds[unit];
    double factor = 1;
    if (*suffix == '\0') {
        if (!kind->bare && *value != 0) {
            return say(why, why_size, "'%.40s' is not %s: it needs a unit; use %s", text,
                       kind->noun, kind->list);
        }
        return true;
    }
    if (!suffix_factor(unit, suffix, &factor)) {
        return say(why, why_size, "'%.40s' is not %s: unknown unit '%.20s'; use %s", text,
                   kind->noun, suffix, kind->list);
    }
    /* dividing by 100 keeps 5% the double nearest to 0.05 */
    *value = factor == 0.01 ? *value / 100 : *value * factor;
    return isfinite(*value) || say(why, why_size, "'%.40s' is too large", text);
}

bool quantity_parse(const char *text, enum unit unit, double *value, char *why, size_t why_size)
{
    char part[NUMBER_MAX_BYTES + SUFFIX_MAX_BYTES + 1];
    double number;
    if (!trim(text, part, sizeof part, why, why_size)) {
        return false;
    }
    const char *s = is_money(unit) && part[0] == '$' ? skip_blanks(part + 1) : part;
    if (!take_number(part, &s, &number, why, why_size) ||
        !scale_value(part, unit, skip_blanks(s), &number, why, why_size)) {
        return false;
    }
    *value = number;
    return true;
}

bool quantity_number(const char *text, double *value, char *why, size_t why_size)
{
    char part[NUMBER_MAX_BYTES + 1];
    double number;
    if (!trim(text, part, sizeof part, why, why_size)) {
        return false;
    }
    const char *s = part;
    if (!take_number(part, &s, &number, why, why_size)) {
        return false;
    }
    if (*s) {
        return say(why, why_size, "'%.40s' is not a plain number", part);
    }
    *value = number;
    return true;
}

/* Three significant digits without an exponent, trailing zeros dropped; whole numbers stay
 * whole. */
static void format_short(char *buf, size_t n, double value)
{
    double size = fabs(value);
    int digits = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    if (size > 0 && size < 0.0995) {
        snprintf(buf, n, "%.3g", value);
        return;
    }
    if (size < 0.9995 && size > 0) {
        digits = 3;
    }
    snprintf(buf, n, "%.*f", digits, value);
    if (strchr(buf, '.')) {
        size_t end = strlen(buf);
        while (buf[end - 1] == '0') {
            buf[--end] = '\0';
        }
        if (buf[end - 1] == '.') {
            buf[end - 1] = '\0';
        }
    }
}

/* The largest step whose rounded number is at least 1; steps rise. */
static const struct suffix *step_for(const struct suffix *steps, double value)
{
    const struct suffix *best = steps;
    for (; steps->name; steps++) {
        if (fabs(value) >= steps->factor * 0.99951) {
            best = steps;
        }
    }
    return best;
}

static void format_steps(char *buf, size_t n, double value, const struct suffix *steps,
                         const char *tail)
{
    char number[48];
    const struct suffix *step = step_for(steps, value);
    format_short(number, sizeof number, value / step->factor);
    snprintf(buf, n, "%s%s%s", number, step->name, tail);
}

static void format_count(char *buf, size_t n, double value, const char *tail)
{
    static const struct suffix steps[] = {
        {"", 1}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {NULL, 0}};
    double size = fabs(value);
    if (size < 1e7 && value == floor(value)) {
        snprintf(buf, n, "%.0f%s", value == 0 ? 0.0 : value, tail);
    } else {
        format_steps(buf, n, value, steps, tail);
    }
}

static void format_time(char *buf, size_t n, double value_s)
{
    static const struct suffix steps[] = {{" ns", 1e-9},     {" us", 1e-6}, {" ms", 1e-3},
                                          {" s", 1},         {" min", 120}, {" h", 7200},
                                          {" d", 2 * DAY_S}, {NULL, 0}};
    static const double unit_s[] = {1e-9, 1e-6, 1e-3, 1, 60, 3600, DAY_S};
    char number[48];
    const struct suffix *step = value_s == 0 ? &steps[3] : step_for(steps, value_s);
    format_short(number, sizeof number, value_s / unit_s[step - steps]);
    snprintf(buf, n, "%s%s", number, step->name);
}

static void format_money(char *buf, size_t n, double value, const char *tail)
{
    static const struct suffix steps[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};
    if (fabs(value) < 1000) {
        snprintf(buf, n, fabs(value) < 0.1 && value != 0 ? "%.3g USD%s" : "%.2f USD%s", value,
                 tail);
        return;
    }
    char number[48];
    format_steps(number, sizeof number, value, steps, "");
    snprintf(buf, n, "%s USD%s", number, tail);
}

static void format_bytes(char *buf, size_t n, double value)
{
    static const struct suffix steps[] = {{" B", 1},     {" KiB", KIB}, {" MiB", MIB},
                                          {" GiB", GIB}, {" TiB", TIB}, {NULL, 0}};
    format_steps(buf, n, value, steps, "");
}

static void format_flow(char *buf, size_t n, double value)
{
    static const struct suffix steps[] = {{" B/s", 1},    {" kB/s", 1e3},  {" MB/s", 1e6},
                                          {" GB/s", 1e9}, {" TB/s", 1e12}, {NULL, 0}};
    format_steps(buf, n, value, steps, "");
}

static void format_flops(char *buf, size_t n, double value)
{
    static const struct suffix steps[] = {
        {" FLOPS", 1}, {" GFLOPS", 1e9}, {" TFLOPS", 1e12}, {" PFLOPS", 1e15}, {NULL, 0}};
    format_steps(buf, n, value, steps, "");
}

static void format_watt(char *buf, size_t n, double value)
{
    static const struct suffix steps[] = {{" W", 1}, {" kW", 1e3}, {" MW", 1e6}, {NULL, 0}};
    format_steps(buf, n, value, steps, "");
}

static void format_frac(char *buf, size_t n, double value)
{
    char number[48];
    format_short(number, sizeof number, value * 100);
    snprintf(buf, n, "%s%%", number);
}

const char *quantity_format(char *buf, size_t n, double value, enum unit unit)
{
    if (!isfinite(value)) {
        snprintf(buf, n, "%s", isnan(value) ? "-" : value > 0 ? "inf" : "-inf");
        return buf;
    }
    switch (unit) {
    case UNIT_COUNT:
    case UNIT_TOKENS:
        format_count(buf, n, value, "");
        break;
    case UNIT_S:
        format_time(buf, n, value);
        break;
    case UNIT_BYTES:
        format_bytes(buf, n, value);
        break;
    case UNIT_RATE:
        format_count(buf, n, value, "/s");
        break;
    case UNIT_FRAC:
        format_frac(buf, n, value);
        break;
    case UNIT_BYTES_PER_S:
        format_flow(buf, n, value);
        break;
    case UNIT_USD:
        format_money(buf, n, value, "");
        break;
    case UNIT_USD_PER_H:
        format_money(buf, n, value, "/h");
        break;
    case UNIT_USD_PER_MTOK:
        format_money(buf, n, value, "/Mtok");
        break;
    case UNIT_W:
        format_watt(buf, n, value);
        break;
    case UNIT_FLOPS_PER_S:
        format_flops(buf, n, value);
        break;
    default:
        ASSERT(unit <= UNIT_FLOPS_PER_S);
    }
    return buf;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers with units: what is accepted, to which value, and what is refused with which words.
 */
#include <stdio.h>
#include <string.h>

#include "sim/base/quantity.h"
#include "tests/check.h"

static void gives(const char *text, enum unit unit, double expected)
{
    double value = NAN;
    char why[256] = "";
    bool ok = quantity_parse(text, unit, &value, why, sizeof why);
    CU_ASSERT_TRUE(ok);
    if (!ok || fabs(value - expected) > 1e-15 * fabs(expected)) {
        fprintf(stderr, "'%s' gave %.17g, not %.17g (%s)\n", text, value, expected, why);
        CU_FAIL("wrong value");
    }
}

static void refuses(const char *text, enum unit unit)
{
    double value = 42;
    char why[256] = "";
    bool ok = quantity_parse(text, unit, &value, why, sizeof why);
    CU_ASSERT_FALSE(ok);
    CU_ASSERT_EQUAL(value, 42);
    CU_ASSERT_TRUE(strlen(why) > 0);
    if (ok) {
        fprintf(stderr, "'%s' was accepted as %g\n", text, value);
    }
}

static void counts_take_powers_of_1000(void)
{
    gives("32k", UNIT_COUNT, 32000);
    gives(" 2.5 M ", UNIT_COUNT, 2.5e6);
    gives("1G", UNIT_COUNT, 1e9);
    gives("1T", UNIT_COUNT, 1e12);
    gives("-3", UNIT_COUNT, -3);
    gives("+.5", UNIT_COUNT, 0.5);
    gives("5.", UNIT_COUNT, 5);
    gives("1e3", UNIT_COUNT, 1000);
    gives("1E-2k", UNIT_COUNT, 10);
    refuses("1Ki", UNIT_COUNT);
}

static void tokens_tell_k_from_ki(void)
{
    gives("32k", UNIT_TOKENS, 32000);
    gives("32Ki", UNIT_TOKENS, 32768);
    gives("1Mi", UNIT_TOKENS, 1048576);
}

static void durations_need_a_unit(void)
{
    gives("50 ms", UNIT_S, 0.05);
    gives("3us", UNIT_S, 3e-6);
    gives("3 \xc2\xb5s", UNIT_S, 3e-6);
    gives("7ns", UNIT_S, 7e-9);
    gives("10 min", UNIT_S, 600);
    gives("1.5h", UNIT_S, 5400);
    gives("2 days", UNIT_S, 172800);
    gives("2d", UNIT_S, 172800);
    gives("36 months", UNIT_S, 36 * 30.4375 * 86400);
    gives("1 year", UNIT_S, 365.25 * 86400);
    gives("0", UNIT_S, 0);
    refuses("10", UNIT_S);
    refuses("10 m", UNIT_S);
    refuses("10 S", UNIT_S);
}

static void sizes_tell_gb_from_gib(void)
{
    gives("80 GiB", UNIT_BYTES, 80.0 * 1073741824);
    gives("80GB", UNIT_BYTES, 80e9);
    gives("1 kB", UNIT_BYTES, 1000);
    gives("1KiB", UNIT_BYTES, 1024);
    gives("2 TiB", UNIT_BYTES, 2199023255552.0);
    gives("512 B", UNIT_BYTES, 512);
    gives("0", UNIT_BYTES, 0);
    refuses("80", UNIT_BYTES);
    refuses("80 Gb", UNIT_BYTES);
    refuses("80 G", UNIT_BYTES);
}

static void rates_are_per_second(void)
{
    gives("12", UNIT_RATE, 12);
    gives("12/s", UNIT_RATE, 12);
    gives("3/min", UNIT_RATE, 0.05);
    gives("100 / h", UNIT_RATE, 100.0 / 3600);
    gives("2M/day", UNIT_RATE, 2e6 / 86400);
    gives("2k", UNIT_RATE, 2000);
    refuses("12/", UNIT_RATE);
    refuses("12/fortnight", UNIT_RATE);
    refuses("12/s/s", UNIT_RATE);
    refuses("/s", UNIT_RATE);
    refuses("12 req/s", UNIT_RATE);
}

static void fractions_take_percent(void)
{
    gives("0.05", UNIT_FRAC, 0.05);
    gives("5%", UNIT_FRAC, 0.05);
    gives("0.1 %", UNIT_FRAC, 0.001);
    refuses("5%%", UNIT_FRAC);
    refuses("5k", UNIT_FRAC);
}

static void bandwidths_tell_bits_from_bytes(void)
{
    gives("450 GB/s", UNIT_BYTES_PER_S, 450e9);
    gives("400 Gb/s", UNIT_BYTES_PER_S, 50e9);
    gives("400Gbps", UNIT_BYTES_PER_S, 50e9);
    gives("3.35 TB/s", UNIT_BYTES_PER_S, 3.35e12);
    gives("1 GiB/s", UNIT_BYTES_PER_S, 1073741824.0);
    refuses("450 GB", UNIT_BYTES_PER_S);
    refuses("450", UNIT_BYTES_PER_S);
}

static void money_takes_signs_and_words(void)
{
    gives("2.5", UNIT_USD, 2.5);
    gives("$2.5", UNIT_USD, 2.5);
    gives("$ 2.5M", UNIT_USD, 2.5e6);
    gives("2.5 USD", UNIT_USD, 2.5);
    gives("30k USD", UNIT_USD, 30000);
    gives("$2.5/h", UNIT_USD_PER_H, 2.5);
    gives("2.5 USD/h", UNIT_USD_PER_H, 2.5);
    gives("2.5", UNIT_USD_PER_H, 2.5);
    gives("0.5 USD/Mtok", UNIT_USD_PER_MTOK, 0.5);
    gives("$0.5/Mtok", UNIT_USD_PER_MTOK, 0.5);
    refuses("2.5 EUR", UNIT_USD);
    refuses("$", UNIT_USD);
    refuses("$5 ms", UNIT_S);
    refuses("2.5 USD/Mtok", UNIT_USD_PER_H);
}

static void power_and_compute(void)
{
    gives("700 W", UNIT_W, 700);
    gives("10.2kW", UNIT_W, 10200);
    gives("1 MW", UNIT_W, 1e6);
    gives("989 TFLOPS", UNIT_FLOPS_PER_S, 989e12);
    gives("2.25 PFLOPS", UNIT_FLOPS_PER_S, 2.25e15);
    refuses("989", UNIT_FLOPS_PER_S);
    refuses("700 mW", UNIT_W);
}

static void refuses_what_is_no_number(void)
{
    static const char *const bad[] = {
        "",    " ",     "nan", "NaN",   "inf",    "-inf", "infinity", "0x10",  "0x",
        "1,5", "1.2.3", "--1", "+-1",   ".",      "-",    "e5",       "1e",    "k",
        "1 2", "1_000", "8x",  "1e400", "1e999k", "1\n2", "\xff",     "1\xff", "0x1p3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (int unit = UNIT_COUNT; unit <= UNIT_FLOPS_PER_S; unit++) {
            refuses(bad[i], (enum unit)unit);
        }
    }
}

static void refuses_overflow_by_the_unit(void)
{
    refuses("1e308k", UNIT_COUNT);
    gives("1e308", UNIT_COUNT, 1e308);
}

static void refuses_endless_text(void)
{
    char text[4000];
    memset(text, '9', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    refuses(text, UNIT_COUNT);
}

static void says_what_is_wrong(void)
{
    double value;
    char why[256];
    quantity_parse("8x", UNIT_S, &value, why, sizeof why);
    CU_ASSERT_STRING_EQUAL(why,
                           "'8x' is not a duration: unknown unit 'x'; use ns, us, ms, s, min, "
                           "h, d, months or years");
    quantity_parse("8", UNIT_BYTES, &value, why, sizeof why);
    CU_ASSERT_STRING_EQUAL(why,
                           "'8' is not a size: it needs a unit; use B, kB, MB, GB, TB, KiB, "
                           "MiB, GiB or TiB");
    quantity_parse("abc", UNIT_COUNT, &value, why, sizeof why);
    CU_ASSERT_STRING_EQUAL(why, "'abc' is not a number");
    char tiny[4];
    CU_ASSERT_FALSE(quantity_parse("abc", UNIT_COUNT, &value, tiny, sizeof tiny));
    CU_ASSERT_STRING_EQUAL(tiny, "'ab");
}

static void plain_number_takes_no_suffix(void)
{
    double value;
    char why[128];
    CU_ASSERT_TRUE(quantity_number(" -1.25e2 ", &value, why, sizeof why));
    CU_ASSERT_EQUAL(value, -125);
    CU_ASSERT_FALSE(quantity_number("32k", &value, why, sizeof why));
    CU_ASSERT_FALSE(quantity_number("0x10", &value, why, sizeof why));
    CU_ASSERT_FALSE(quantity_number("", &value, why, sizeof why));
}

static void formats(double value, enum unit unit, const char *expected)
{
    char buf[64];
    quantity_format(buf, sizeof buf, value, unit);
    CU_ASSERT_STRING_EQUAL(buf, expected);
    if (strcmp(buf, expected) != 0) {
        fprintf(stderr, "%g is '%s', not '%s'\n", value, buf, expected);
    }
}

static void formats_for_people(void)
{
    formats(8.6e10, UNIT_BYTES, "80.1 GiB");
    formats(80.0 * 1073741824, UNIT_BYTES, "80 GiB");
    formats(0, UNIT_BYTES, "0 B");
    formats(1023.9, UNIT_BYTES, "1 KiB");
    formats(32000, UNIT_COUNT, "32000");
    formats(12.345e6, UNIT_COUNT, "12.3M");
    formats(9999999, UNIT_COUNT, "9999999");
    formats(2.5e7, UNIT_COUNT, "25M");
    formats(0.5, UNIT_COUNT, "0.5");
    formats(-0.0, UNIT_COUNT, "0");
    formats(0.05, UNIT_S, "50 ms");
    formats(0.0009999, UNIT_S, "1 ms");
    formats(90, UNIT_S, "90 s");
    formats(600, UNIT_S, "10 min");
    formats(7200, UNIT_S, "2 h");
    formats(864000, UNIT_S, "10 d");
    formats(0, UNIT_S, "0 s");
    formats(12, UNIT_RATE, "12/s");
    formats(0.05, UNIT_FRAC, "5%");
    formats(0.001, UNIT_FRAC, "0.1%");
    formats(450e9, UNIT_BYTES_PER_S, "450 GB/s");
    formats(2.5, UNIT_USD, "2.50 USD");
    formats(1234567, UNIT_USD, "1.23M USD");
    formats(2.5, UNIT_USD_PER_H, "2.50 USD/h");
    formats(0.012, UNIT_USD_PER_MTOK, "0.012 USD/Mtok");
    formats(10200, UNIT_W, "10.2 kW");
    formats(989e12, UNIT_FLOPS_PER_S, "989 TFLOPS");
    formats(NAN, UNIT_S, "-");
    formats(HUGE_VAL, UNIT_S, "inf");
}

static void format_reads_back(void)
{
    char buf[64];
    for (int unit = UNIT_COUNT; unit <= UNIT_FLOPS_PER_S; unit++) {
        /* prices per hour and per Mtok have no k or M to read */
        double max = unit == UNIT_USD_PER_H || unit == UNIT_USD_PER_MTOK ? 1e3 : 1e14;
        for (double x = 1e-3; x < max; x *= 7.3) {
            double back;
            quantity_format(buf, sizeof buf, x, (enum unit)unit);
            bool ok = quantity_parse(buf, (enum unit)unit, &back, NULL, 0);
            CU_ASSERT_TRUE(ok);
            if (ok && x >= 0.1) {
                CHECK_NEAR(back, x, 0.006);
            }
        }
    }
}

int main(void)
{
    static const struct check_case cases[] = {
        {"counts_take_powers_of_1000", counts_take_powers_of_1000},
        {"tokens_tell_k_from_ki", tokens_tell_k_from_ki},
        {"durations_need_a_unit", durations_need_a_unit},
        {"sizes_tell_gb_from_gib", sizes_tell_gb_from_gib},
        {"rates_are_per_second", rates_are_per_second},
        {"fractions_take_percent", fractions_take_percent},
        {"bandwidths_tell_bits_from_bytes", bandwidths_tell_bits_from_bytes},
        {"money_takes_signs_and_words", money_takes_signs_and_words},
        {"power_and_compute", power_and_compute},
        {"refuses_what_is_no_number", refuses_what_is_no_number},
        {"refuses_overflow_by_the_unit", refuses_overflow_by_the_unit},
        {"refuses_endless_text", refuses_endless_text},
        {"says_what_is_wrong", says_what_is_wrong},
        {"plain_number_takes_no_suffix", plain_number_takes_no_suffix},
        {"formats_for_people", formats_for_people},
        {"format_reads_back", format_reads_back},
    };
    return check_main("quantity", cases, (int)(sizeof cases / sizeof cases[0]));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Days of the calendar. */
#include "sim/base/date.h"
#include "tests/check.h"

static void only_days_of_a_month_are_valid(void)
{
    CU_ASSERT_TRUE(date_is_valid("2026-11-30"));
    CU_ASSERT_TRUE(date_is_valid("2026-02-29")); /* accepted in every year */
    static const char *const wrong[] = {
        "",           "2026-11",    "2026-11-31",  "2026-13-01",
        "2026-00-10", "2026/11/22", "2026-11-22 ", "20x6-11-22"};
    for (int i = 0; i < (int)(sizeof wrong / sizeof wrong[0]); i++) {
        CU_ASSERT_FALSE(date_is_valid(wrong[i]));
        CU_ASSERT_EQUAL(date_day_number(wrong[i]), -1);
    }
    CU_ASSERT_FALSE(date_is_valid(NULL));
}

static void days_are_counted_over_leap_years(void)
{
    CU_ASSERT_EQUAL(date_day_number("0000-03-01"), 0);
    CU_ASSERT_EQUAL(date_day_number("1970-01-01"), 719468);
    CU_ASSERT_EQUAL(date_day_number("2024-03-01") - date_day_number("2024-02-28"), 2);
    CU_ASSERT_EQUAL(date_day_number("2100-03-01") - date_day_number("2100-02-28"), 1);
    CU_ASSERT_EQUAL(date_day_number("2026-11-22") - date_day_number("2026-01-01"), 325);
}

int main(void)
{
    static const struct check_case cases[] = {
        {"only days of a month are valid", only_days_of_a_month_are_valid},
        {"days are counted over leap years", days_are_counted_over_leap_years},
    };
    return check_main("date", cases, (int)(sizeof cases / sizeof cases[0]));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* date.c - see date.h. */
#include "sim/base/date.h"

#include <string.h>

/* The number in n digits; -1 when one is no digit. */
static int digits(const char *text, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        value = 10 * value + (text[i] - '0');
    }
    return value;
}

bool date_is_valid(const char *text)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!text || strlen(text) != 10 || text[4] != '-' || text[7] != '-') {
        return false;
    }
    int month = digits(text + 5, 2);
    int day = digits(text + 8, 2);
    return digits(text, 4) >= 0 && month >= 1 && month <= 12 && day >= 1 &&
           day <= month_days[month - 1];
}

/* Months are counted from March, so that the leap day is the last of its year:
 * (153 m + 2) / 5 days before month m. */
int date_day_number(const char *text)
{
    if (!date_is_valid(text)) {
        return -1;
    }
    int month = digits(text + 5, 2);
    int since_march = (month + 9) % 12;
    int year = digits(text, 4) - (month <= 2);
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * since_march + 2) / 5 +
           digits(text + 8, 2) - 1;
}

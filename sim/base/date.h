/* SPDX-License-Identifier: GPL-3.0-or-later */
/* date.h - days written YYYY-MM-DD. */
#ifndef DATE_H
#define DATE_H

#include <stdbool.h>

/* 29 February is accepted in every year. NULL is no date. */
bool date_is_valid(const char *text);

/* Days since 0000-03-01 of the proleptic Gregorian calendar, -1 when text is no date. */
int date_day_number(const char *text);

#endif

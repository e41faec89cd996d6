/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cfg.h - reading the fields of a config.json map: missing and impossible values become errors
 * at their place. The first failure sticks: later calls do nothing and return their neutral
 * value, so a reader checks once at the end. */
#ifndef CFG_H
#define CFG_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/node.h"

struct cfg {
    const struct node *map;
    struct err *err;
    bool ok;
};

/* As `absent`: the key must be there. */
#define CFG_REQUIRED INT64_MIN

/* The node of a key, NULL when absent or null. */
const struct node *cfg_get(const struct cfg *c, const char *key);
/* The first of these keys (NULL-terminated, at most four) that is present, else the first:
 * families name the same thing differently. */
const char *cfg_key(const struct cfg *c, const char *const *keys);
int64_t cfg_int(struct cfg *c, const char *key, int64_t min, int64_t max, int64_t absent);
/* As cfg_int for values stored as int (min >= 0, max <= INT32_MAX). */
int cfg_count(struct cfg *c, const char *key, int min, int max, int64_t absent);
bool cfg_flag(struct cfg *c, const char *key, bool absent);
/* NULL when absent. */
const char *cfg_text(struct cfg *c, const char *key);
/* The list of this key, NULL when absent or not a list; at least n elements or it is an error.
 */
const struct node *cfg_list(struct cfg *c, const char *key, int n);
/* Fails at the key (or the map when the key is absent). */
void cfg_fail(struct cfg *c, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Element i of a list is this text; false for a NULL list. */
bool cfg_element_is(const struct node *list, int i, const char *text);
/* A list of whole numbers contains i. */
bool cfg_list_has(const struct node *list, int i);

#endif

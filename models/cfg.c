/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cfg.c - see cfg.h. */
#include "models/cfg.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

const struct node *cfg_get(const struct cfg *c, const char *key)
{
    const struct node *node = node_get(c->map, key);
    return node != NULL && node->kind != NODE_NULL ? node : NULL;
}

const char *cfg_key(const struct cfg *c, const char *const *keys)
{
    for (int i = 0; keys[i] != NULL; i++) {
        if (cfg_get(c, keys[i]) != NULL) {
            return keys[i];
        }
    }
    return keys[0];
}

void cfg_fail(struct cfg *c, const char *key, const char *fmt, ...)
{
    if (!c->ok) {
        return;
    }
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const struct node *node = cfg_get(c, key);
    c->ok = err_at(c->err, node != NULL ? node->pos : c->map->pos, "%s", text);
}

int64_t cfg_int(struct cfg *c, const char *key, int64_t min, int64_t max, int64_t absent)
{
    const struct node *node = cfg_get(c, key);
    int64_t value = min;
    if (!c->ok) {
        return min;
    }
    if (node == NULL) {
        if (absent == CFG_REQUIRED) {
            cfg_fail(c, key, "missing key '%s'", key);
            return min;
        }
        return absent;
    }
    c->ok = node_int(node, min, max, &value, c->err);
    return c->ok ? value : min;
}

int cfg_count(struct cfg *c, const char *key, int min, int max, int64_t absent)
{
    return (int)cfg_int(c, key, min, max, absent);
}

bool cfg_flag(struct cfg *c, const char *key, bool absent)
{
    const struct node *node = cfg_get(c, key);
    bool value = absent;
    if (c->ok && node != NULL) {
        c->ok = node_bool(node, &value, c->err);
    }
    return value;
}

const char *cfg_text(struct cfg *c, const char *key)
{
    const struct node *node = cfg_get(c, key);
    const char *value = NULL;
    if (c->ok && node != NULL) {
        c->ok = node_string(node, &value, c->err);
    }
    return c->ok ? value : NULL;
}

const struct node *cfg_list(struct cfg *c, const char *key, int n)
{
    const struct node *node = cfg_get(c, key);
    if (!c->ok || node == NULL || node->kind != NODE_LIST) {
        return NULL;
    }
    if (node->n_children < n) {
        cfg_fail(c, key, "'%s' has %d entries, one per layer (%d) is needed", key,
                 node->n_children, n);
        return NULL;
    }
    return node;
}

bool cfg_element_is(const struct node *list, int i, const char *text)
{
    const struct node *node = list != NULL ? list->child : NULL;
    while (node != NULL && i > 0) {
        node = node->next;
        i--;
    }
    return node != NULL && node->text != NULL && strcmp(node->text, text) == 0;
}

bool cfg_list_has(const struct node *list, int i)
{
    char text[16];
    snprintf(text, sizeof text, "%d", i);
    for (const struct node *n = list != NULL ? list->child : NULL; n != NULL; n = n->next) {
        if (n->text != NULL && strcmp(n->text, text) == 0) {
            return true;
        }
    }
    return false;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* managed.c - reads hardware/managed.csv and hardware/managed_limits.csv. */
#include "hardware/managed.h"

#include <math.h>
#include <string.h>

#include "hardware/catalog.h"

#define PRICE_TEXT(member) NAME_FIELD(struct managed_price, #member, member)
#define PRICE_NUMBER(member) MAYBE_FIELD(struct managed_price, #member, member, 1, 0, 1e5)
#define LIMIT_NAME(member) NAME_FIELD(struct managed_limit, #member, member)
#define LIMIT_TEXT(member) TEXT_FIELD(struct managed_limit, #member, member)

static const struct row_field price_fields[] = {
    PRICE_TEXT(provider),
    PRICE_TEXT(model),
    TEXT_FIELD(struct managed_price, "catalogue", catalogue),
    PRICE_TEXT(offer),
    PRICE_NUMBER(usd_in_per_mtok),
    PRICE_NUMBER(usd_cached_per_mtok),
    PRICE_NUMBER(usd_out_per_mtok),
    PRICE_NUMBER(dbu_in_per_mtok),
    PRICE_NUMBER(dbu_cached_per_mtok),
    PRICE_NUMBER(dbu_out_per_mtok),
    PRICE_NUMBER(usd_per_dbu),
    PRICE_NUMBER(entry_dbu_per_h),
    PRICE_NUMBER(scaling_dbu_per_h),
    PRICE_NUMBER(entry_usd_per_h),
    PRICE_NUMBER(scaling_usd_per_h),
    PRICE_TEXT(region),
    PRICE_TEXT(status),
    PRICE_TEXT(source),
    PRICE_TEXT(as_of),
};

static const struct row_field limit_fields[] = {
    LIMIT_NAME(provider),   LIMIT_NAME(product),
    LIMIT_NAME(model),      LIMIT_TEXT(catalogue),
    LIMIT_NAME(kind),       MAYBE_FIELD(struct managed_limit, "value", value, 1, 0, 1e12),
    LIMIT_TEXT(text),       LIMIT_NAME(unit),
    LIMIT_TEXT(conditions), LIMIT_NAME(evidence),
    LIMIT_NAME(source),     LIMIT_NAME(as_of),
};

static const struct row_layout price_layout = {
    .file = "managed.csv",
    .fields = price_fields,
    .n_fields = sizeof price_fields / sizeof price_fields[0],
    .row_size = sizeof(struct managed_price),
};

static const struct row_layout limit_layout = {
    .file = "managed_limits.csv",
    .fields = limit_fields,
    .n_fields = sizeof limit_fields / sizeof limit_fields[0],
    .row_size = sizeof(struct managed_limit),
};

/* A word must be one of a closed set, or the row would silently never be found. */
static bool check_word(const char *word, const char *column, const char *const *words, int n,
                       struct src_pos pos, struct err *err)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    err_at(err, pos, "column '%s' cannot be '%s'", column, word);
    err_suggest(err, word, words, n);
    return false;
}

static bool check_price(const struct managed_price *p, struct src_pos pos, struct err *err)
{
    static const char *const offers[] = {"pay-per-token", "priority",       "provisioned",
                                         "dedicated",     "custom-serving", "dbu-rate"};
    static const char *const states[] = {"current", "deprecated", "stale", "retired"};
    if (!check_word(p->offer, "offer", offers, 6, pos, err) ||
        !check_word(p->status, "status", states, 4, pos, err) ||
        !catalog_check_date(p->as_of, "as_of", pos, err)) {
        return false;
    }
    bool per_token =
        strcmp(p->offer, "pay-per-token") == 0 || strcmp(p->offer, "priority") == 0;
    if (per_token ? isnan(p->usd_in_per_mtok)
                  : isnan(p->entry_usd_per_h) && isnan(p->usd_per_dbu)) {
        return err_at(err, pos, "%s without a price", p->offer);
    }
    return true;
}

static bool check_limit(const struct managed_limit *limit, struct src_pos pos, struct err *err)
{
    if (isnan(limit->value) == (limit->text[0] == '\0')) {
        return err_at(err, pos, "a limit has either a value or a text");
    }
    return catalog_check_date(limit->as_of, "as_of", pos, err);
}

bool managed_load(struct arena *arena, const char *const *dirs, int n_dirs,
                  struct managed_list *list, struct err *err)
{
    struct row_list prices;
    struct row_list limits;
    *list = (struct managed_list){0};
    if (!rows_load(arena, dirs, n_dirs, &price_layout, &prices, err) ||
        !rows_load(arena, dirs, n_dirs, &limit_layout, &limits, err)) {
        return false;
    }
    *list = (struct managed_list){prices.rows, prices.n, limits.rows, limits.n};
    for (int i = 0; i < list->n_prices; i++) {
        if (!check_price(&list->prices[i], prices.pos[i], err)) {
            return false;
        }
    }
    for (int i = 0; i < list->n_limits; i++) {
        if (!check_limit(&list->limits[i], limits.pos[i], err)) {
            return false;
        }
    }
    return true;
}

const struct managed_price *managed_find(const struct managed_list *list, const char *provider,
                                         const char *model, const char *offer)
{
    const struct managed_price *best = NULL;
    for (int i = 0; i < list->n_prices; i++) {
        const struct managed_price *p = &list->prices[i];
        if (!catalog_same_name(p->provider, provider) || strcmp(p->offer, offer) != 0 ||
            strcmp(p->status, "retired") == 0 ||
            !(catalog_same_name(p->catalogue, model) || catalog_same_name(p->model, model))) {
            continue;
        }
        if (!best || strcmp(p->as_of, best->as_of) > 0) {
            best = p;
        }
    }
    return best;
}

/* 2: of this model, 1: of no model in particular, 0: of another model. */
static int limit_fit(const struct managed_limit *limit, const char *model)
{
    if (catalog_same_name(limit->catalogue, model) || catalog_same_name(limit->model, model)) {
        return 2;
    }
    return strncmp(limit->model, "all", 3) == 0 || strcmp(limit->model, "any") == 0;
}

const struct managed_limit *managed_limit_find(const struct managed_list *list,
                                               const char *provider, const char *product,
                                               const char *model, const char *kind)
{
    const struct managed_limit *best = NULL;
    for (int i = 0; i < list->n_limits; i++) {
        const struct managed_limit *l = &list->limits[i];
        int fit = limit_fit(l, model);
        if (fit == 0 || isnan(l->value) || strcmp(l->kind, kind) != 0 ||
            strcmp(l->product, product) != 0 || !catalog_same_name(l->provider, provider)) {
            continue;
        }
        int best_fit = best ? limit_fit(best, model) : 0;
        if (fit > best_fit || (fit == best_fit && strcmp(l->as_of, best->as_of) > 0)) {
            best = l;
        }
    }
    return best;
}

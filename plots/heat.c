/* SPDX-License-Identifier: GPL-3.0-or-later */
/* heat.c - the chart of expert loads: for each deployment a map of layers and ranks whose
 * colour is the rank's load over the mean. */
#include <math.h>
#include <string.h>

#include "plots/figure.h"

#define MAX_MAPS 3
#define MAX_CELLS 24000 /* an SVG has to stay small */
#define CAPTION_PX 34
#define GAP_PX 44
#define LAYER_PX 4.0
#define MIN_MAP_PX 90
#define KEY_PX 16 /* width of the colour scale */

struct map {
    const char *name;
    int ranks, layers;
    double worst_sum; /* of the layers' slowest ranks */
    double top_px, bottom_px;
};

struct heat {
    struct figure *fig;
    int deployment, layer, rank, load; /* columns */
    int n_maps, n_left_out, n_cells;
    struct map maps[MAX_MAPS];
    int *row_map; /* 1-based, 0: not drawn */
    double worst;
    double left_px, right_px;
};

/* The deployment's rows stand together: a new name starts a map. */
static struct map *map_of(struct heat *h, int row, const char **last_name)
{
    const char *name = csv_cell(&h->fig->table, row, h->deployment);
    bool is_new = strcmp(name, *last_name) != 0;
    *last_name = name;
    if (is_new && (h->n_left_out > 0 || h->n_maps == MAX_MAPS || h->n_cells > MAX_CELLS)) {
        h->n_left_out++;
    } else if (is_new) {
        h->maps[h->n_maps++] = (struct map){.name = name};
    }
    return h->n_left_out > 0 ? NULL : &h->maps[h->n_maps - 1];
}

static bool read_row(struct heat *h, int row, struct map *map, double *worst_of_layer,
                     struct err *err)
{
    double layer;
    double rank;
    double load;
    if (!figure_number(h->fig, row, h->layer, &layer, err) ||
        !figure_number(h->fig, row, h->rank, &rank, err) ||
        !figure_number(h->fig, row, h->load, &load, err)) {
        return false;
    }
    if (!(layer >= 1 && layer <= 1000 && rank >= 0 && rank < 4096 && load >= 0)) {
        return err_at(err, csv_pos(&h->fig->table, row),
                      "layer must be 1..1000, rank 0..4095 and load_ratio not negative");
    }
    if (rank == 0) {
        *worst_of_layer = 0;
    }
    map->worst_sum += fmax(0, load - *worst_of_layer);
    *worst_of_layer = fmax(*worst_of_layer, load);
    map->layers = layer > map->layers ? (int)layer : map->layers;
    map->ranks = rank + 1 > map->ranks ? (int)rank + 1 : map->ranks;
    h->worst = fmax(h->worst, load);
    h->n_cells++;
    return true;
}

static bool read_maps(struct heat *h, struct err *err)
{
    const struct csv_table *t = &h->fig->table;
    const char *last_name = "\n";
    double worst_of_layer = 0;
    if (!csv_col_need(t, "deployment", &h->deployment, err) ||
        !csv_col_need(t, "layer", &h->layer, err) || !csv_col_need(t, "rank", &h->rank, err) ||
        !csv_col_need(t, "load_ratio", &h->load, err)) {
        return false;
    }
    h->row_map = arena_alloc(h->fig->arena, (size_t)t->n_rows, sizeof *h->row_map);
    for (int row = 0; row < t->n_rows; row++) {
        struct map *map = map_of(h, row, &last_name);
        if (map && !read_row(h, row, map, &worst_of_layer, err)) {
            return false;
        }
        h->row_map[row] = map ? (int)(map - h->maps) + 1 : 0;
    }
    return true;
}

static double map_px(const struct map *map)
{
    return fmax(MIN_MAP_PX, LAYER_PX * map->layers);
}

static void plan_page(struct heat *h)
{
    double height = 0;
    figure_note(
        h->fig,
        "Rows of a rank over the mean of its layer. The slowest rank of each layer sets "
        "its time.");
    if (h->n_left_out > 0) {
        figure_note(h->fig, "The first %d deployments; %d more are in %s.", h->n_maps,
                    h->n_left_out, figure_table_name(h->fig));
    }
    for (int i = 0; i < h->n_maps; i++) {
        height += CAPTION_PX + map_px(&h->maps[i]) + (i > 0 ? GAP_PX : 0);
    }
    h->left_px = FIGURE_EDGE_PX + 52;
    h->right_px = FIGURE_W_PX - FIGURE_EDGE_PX - KEY_PX - 70;
    double y = figure_page(h->fig, height + 66);
    for (int i = 0; i < h->n_maps; i++) {
        struct map *map = &h->maps[i];
        map->top_px = y + CAPTION_PX;
        map->bottom_px = map->top_px + map_px(map);
        y = map->bottom_px + GAP_PX;
    }
}

static void put_variables(struct heat *h)
{
    struct figure *fig = h->fig;
    double top[MAX_MAPS];
    double bottom[MAX_MAPS];
    double ranks[MAX_MAPS];
    double layers[MAX_MAPS];
    for (int i = 0; i < h->n_maps; i++) {
        top[i] = figure_y(fig, h->maps[i].top_px);
        bottom[i] = figure_y(fig, h->maps[i].bottom_px);
        ranks[i] = h->maps[i].ranks;
        layers[i] = h->maps[i].layers;
    }
    figure_var_rows(fig, "ROW_PANEL", h->row_map);
    figure_var_numbers(fig, "TOP", h->n_maps, top);
    figure_var_numbers(fig, "BOTTOM", h->n_maps, bottom);
    figure_var_numbers(fig, "RANKS", h->n_maps, ranks);
    figure_var_numbers(fig, "LAYERS", h->n_maps, layers);
    figure_var_number(fig, "LEFT", figure_x(h->left_px));
    figure_var_number(fig, "RIGHT", figure_x(h->right_px));
    figure_var_number(fig, "C_HI", fmax(2.0, ceil(h->worst)));
    figure_var_number(fig, "KEY_LEFT", figure_x(h->right_px + 22));
    figure_var_number(fig, "KEY_WIDTH", figure_x(KEY_PX));
    figure_var_number(fig, "KEY_BOTTOM", bottom[0]);
    figure_var_number(fig, "KEY_HEIGHT", top[0] - bottom[0]);
}

bool heat_draw(struct figure *fig, struct err *err)
{
    struct heat *h = arena_alloc(fig->arena, 1, sizeof *h);
    *h = (struct heat){.fig = fig};
    if (!read_maps(h, err)) {
        return false;
    }
    plan_page(h);
    for (int i = 0; i < h->n_maps; i++) {
        const struct map *map = &h->maps[i];
        const char *caption =
            arena_printf(fig->arena, "%s: slowest rank %.2f times the mean, over all layers",
                         map->name, map->worst_sum / map->layers);
        figure_text(fig, FIGURE_EDGE_PX, map->top_px - 20, ALIGN_LEFT, figure_caption, caption);
        if (i + 1 == h->n_maps) {
            figure_text(fig, (h->left_px + h->right_px) / 2, map->bottom_px + 38, ALIGN_CENTER,
                        figure_caption, "Rank (down: layer)");
        }
        figure_draw_panel(fig, i + 1);
    }
    put_variables(h);
    return true;
}

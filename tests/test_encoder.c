/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_encoder.c - the law of the vision encoder on catalogue models. */
#include "sim/cost/encoder.h"
#include "tests/check.h"

static const char *const dirs[] = {"."};

/* Seconds of an image of so many tokens on tp H100s. */
static double image_s(const char *name, int64_t tokens, int tp)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    struct gpu_list gpus;
    CU_ASSERT_TRUE_FATAL(gpu_list_load(arena, dirs, 1, &gpus, &err));
    const struct gpu *gpu = gpu_find(&gpus, "h100-sxm", &err);
    const struct model *model = model_find(arena, dirs, 1, name, &err);
    CU_ASSERT_TRUE_FATAL(gpu && model);
    double s = (double)tokens * encoder_s_per_token(model, gpu, tp);
    arena_free(arena);
    return s;
}

static void the_law_gives_its_worked_number(void)
{
    CHECK_NEAR(image_s("llama-4-scout", 144, 1), 2.36e-3, 5e-3);
    CHECK_NEAR(image_s("llama-4-scout", 144, 4), 2.36e-3 / 4.0, 5e-3);
}

/* 4096 patches become 256 tokens: 2 * 0.4117e9 * 4096 / (0.4 * 989e12). */
static void a_model_says_how_many_patches_make_a_token(void)
{
    CHECK_NEAR(image_s("gemma-3-27b", 256, 1), 8.53e-3, 5e-3);
}

static void a_text_model_encodes_nothing(void)
{
    CU_ASSERT_EQUAL(image_s("llama-3.3-70b", 144, 1), 0.0);
}

int main(void)
{
    const struct check_case cases[] = {
        {"the law gives its worked number", the_law_gives_its_worked_number},
        {"a model says how many patches make a token",
         a_model_says_how_many_patches_make_a_token},
        {"a text model encodes nothing", a_text_model_encodes_nothing},
    };
    return check_main("encoder", cases, sizeof cases / sizeof cases[0]);
}

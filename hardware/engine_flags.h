/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine_flags.h - what the settings of a deployment are called on each engine's command line
 * (hardware/engine_flags.csv). A renamed option is a row, never a branch. `knob` is our name,
 * `flag` the engine's: an option, a value (kv_fp8), a key of TensorRT-LLM's configuration file,
 * the container image or the name of a metric. */
#ifndef ENGINE_FLAGS_H
#define ENGINE_FLAGS_H

#include <stdbool.h>

#include "hardware/engine.h"

struct engine_flag {
    const char *engine, *knob, *flag;
    const char *since;      /* first version known to have it; "": all */
    const char *checkpoint; /* knob extra: beginning of the checkpoint's name that needs it */
    const char *weights;    /* knob extra: number format of the weights; "": any */
    const char *source, *as_of;
};
struct engine_flags {
    const struct engine_flag *rows;
    int n;
};

bool engine_flags_load(struct arena *arena, const char *const *dirs, int n_dirs,
                       struct engine_flags *flags, struct err *err);
/* The flag of a knob in a version ("": the newest); rows stand from new to old. NULL when no
 * version that old has it. */
const struct engine_flag *engine_flag_find(const struct engine_flags *flags,
                                           enum engine_kind engine, const char *knob,
                                           const char *version);
/* Is this row an extra option that a checkpoint needs in this version? */
bool engine_flag_is_extra(const struct engine_flag *flag, enum engine_kind engine,
                          const char *version, const char *checkpoint, const char *weights);

#endif

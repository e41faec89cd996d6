/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mem.h - memory: checked heap allocation and arenas. Out of memory prints and exits 70: it is
 * the one error that does not travel up. Asserts stay in release builds. */
#ifndef MEM_H
#define MEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on the process may hold so many bytes in all, of which MEM_PROGRAM_BYTES are taken
 * for the program and its libraries; what would go beyond ends it like any lack of memory.
 * False: the system has no such limit. */
#define MEM_PROGRAM_BYTES ((size_t)16 << 20)
bool mem_limit(size_t n_bytes);

void *xmalloc(size_t n_bytes);
void *xcalloc(size_t n, size_t n_bytes);
void *xrealloc(void *old, size_t n, size_t n_bytes); /* n * n_bytes is checked for overflow */
char *xstrdup(const char *text);

/* An arena owns everything allocated from it until arena_free. All memory is zeroed,
 * 16-aligned. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *arena); /* NULL is fine */
void arena_reset(
    struct arena *arena); /* forgets the contents, keeps a chunk for the next use */
void *arena_alloc(struct arena *arena, size_t n, size_t n_bytes);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t n);
char *arena_printf(struct arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
size_t arena_used_bytes(const struct arena *arena);
/* clean(thing) runs when the arena is freed or reset, the last one registered first: for what
 * lives as long as the arena but not in it. */
void arena_on_free(struct arena *arena, void (*clean)(void *thing), void *thing);

/* A programmer's error: prints file, line and expression and exits 70. Kept in release builds.
 */
#define ASSERT(x) ((x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))
#ifdef HEADROOM_DEBUG
#define DASSERT(x) ASSERT(x)
#else
#define DASSERT(x) ((void)0)
#endif
/* A condition that seldom holds, in a loop that runs for every simulated step. */
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
/* The cache line at an address will be read soon. */
#define PREFETCH(p) __builtin_prefetch(p)
_Noreturn void assert_failed(const char *expr, const char *file, int line);

/* Grows a heap array so that it holds at least `need` elements (doubling). */
#define ARRAY_RESERVE(array, cap, need)                                                        \
    do {                                                                                       \
        if ((size_t)(need) > (size_t)(cap)) {                                                  \
            size_t new_cap_ = (size_t)(cap) ? (size_t)(cap) : 8;                               \
            while (new_cap_ < (size_t)(need)) {                                                \
                new_cap_ *= 2;                                                                 \
            }                                                                                  \
            (array) = xrealloc((array), new_cap_, sizeof *(array));                            \
            (cap) = (int)new_cap_;                                                             \
        }                                                                                      \
    } while (0)

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mem.c - checked allocation and arenas. An arena is a list of chunks that double in size up to
 * 1 MiB; a request larger than a chunk gets one of its own behind the current chunk, so that
 * the space left in the current one is not lost. Allocation is O(1). */
#include "sim/base/mem.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "sim/base/err.h"

#define FIRST_CHUNK_BYTES ((size_t)4096)
#define MAX_CHUNK_BYTES ((size_t)1 << 20)
#define ALIGN_BYTES ((size_t)16)

struct chunk {
    struct chunk *next;
    size_t used_bytes, cap_bytes;
    alignas(16) unsigned char data[];
};

struct cleanup {
    struct cleanup *next;
    void (*clean)(void *thing);
    void *thing;
};

struct arena {
    struct chunk *head;
    struct cleanup *cleanups;
    size_t used_bytes;
};

static _Noreturn void out_of_memory(size_t n_bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        fprintf(stderr,
                "headroom: error: %zu bytes more would go beyond the memory limit of %zu MiB\n"
                "  fewer threads (-j) need less; finished points are kept for --resume\n",
                n_bytes, ((size_t)limit.rlim_cur + MEM_PROGRAM_BYTES) >> 20);
    } else {
        fprintf(stderr, "headroom: error: out of memory (asked for %zu bytes)\n", n_bytes);
    }
    exit(ERR_INTERNAL);
}

/* Writable private memory is what the system counts here; the pages of the program and its
 * libraries come on top. */
bool mem_limit(size_t n_bytes)
{
    size_t own = n_bytes > MEM_PROGRAM_BYTES ? n_bytes - MEM_PROGRAM_BYTES : 0;
    struct rlimit limit;
    if (getrlimit(RLIMIT_DATA, &limit) != 0) {
        return false;
    }
    limit.rlim_cur = own < limit.rlim_max ? own : limit.rlim_max;
    return setrlimit(RLIMIT_DATA, &limit) == 0;
}

_Noreturn void assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "headroom: internal error: %s:%d: '%s' does not hold\n", file, line, expr);
    exit(ERR_INTERNAL);
}

static size_t checked_product(size_t n, size_t n_bytes)
{
    size_t total;
    if (__builtin_mul_overflow(n, n_bytes, &total) || total > PTRDIFF_MAX) {
        out_of_memory(SIZE_MAX);
    }
    return total;
}

void *xmalloc(size_t n_bytes)
{
    void *p = malloc(n_bytes ? n_bytes : 1);
    if (!p) {
        out_of_memory(n_bytes);
    }
    return p;
}

void *xcalloc(size_t n, size_t n_bytes)
{
    size_t total = checked_product(n, n_bytes);
    void *p = calloc(total ? total : 1, 1);
    if (!p) {
        out_of_memory(total);
    }
    return p;
}

void *xrealloc(void *old, size_t n, size_t n_bytes)
{
    size_t total = checked_product(n, n_bytes);
    void *p = realloc(old, total ? total : 1);
    if (!p) {
        out_of_memory(total);
    }
    return p;
}

char *xstrdup(const char *text)
{
    size_t n = strlen(text) + 1;
    return memcpy(xmalloc(n), text, n);
}

struct arena *arena_new(void)
{
    return xcalloc(1, sizeof(struct arena));
}

static void free_chunks(struct chunk *chunk)
{
    while (chunk) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

static void run_cleanups(struct arena *arena)
{
    while (arena->cleanups) {
        struct cleanup *c = arena->cleanups;
        arena->cleanups = c->next;
        c->clean(c->thing);
    }
}

void arena_free(struct arena *arena)
{
    if (arena) {
        run_cleanups(arena);
        free_chunks(arena->head);
        free(arena);
    }
}

void arena_reset(struct arena *arena)
{
    run_cleanups(arena);
    struct chunk *keep = arena->head;
    if (keep) {
        free_chunks(keep->next);
        keep->next = NULL;
        memset(keep->data, 0, keep->used_bytes);
        keep->used_bytes = 0;
    }
    arena->used_bytes = 0;
}

static struct chunk *chunk_new(size_t cap_bytes)
{
    struct chunk *chunk = xcalloc(1, sizeof *chunk + cap_bytes);
    chunk->cap_bytes = cap_bytes;
    return chunk;
}

static size_t next_chunk_bytes(const struct chunk *head)
{
    if (!head) {
        return FIRST_CHUNK_BYTES;
    }
    return head->cap_bytes < MAX_CHUNK_BYTES / 2 ? head->cap_bytes * 2 : MAX_CHUNK_BYTES;
}

/* A chunk with room for total bytes, linked into the arena. */
static struct chunk *chunk_for(struct arena *arena, size_t total)
{
    struct chunk *head = arena->head;
    if (head && head->cap_bytes - head->used_bytes >= total) {
        return head;
    }
    size_t cap_bytes = next_chunk_bytes(head);
    if (head && total > cap_bytes) {
        struct chunk *own = chunk_new(total);
        own->next = head->next;
        head->next = own;
        return own;
    }
    struct chunk *chunk = chunk_new(total > cap_bytes ? total : cap_bytes);
    chunk->next = head;
    arena->head = chunk;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t n, size_t n_bytes)
{
    size_t total = checked_product(n, n_bytes);
    total = (total + ALIGN_BYTES - 1) & ~(ALIGN_BYTES - 1);
    total = total ? total : ALIGN_BYTES;
    struct chunk *chunk = chunk_for(arena, total);
    void *p = chunk->data + chunk->used_bytes;
    chunk->used_bytes += total;
    arena->used_bytes += total;
    return p;
}

char *arena_strndup(struct arena *arena, const char *text, size_t n)
{
    char *copy = arena_alloc(arena, n + 1, 1);
    memcpy(copy, text, n);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    char *text = arena_alloc(arena, (size_t)n + 1, 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

void arena_on_free(struct arena *arena, void (*clean)(void *thing), void *thing)
{
    struct cleanup *c = arena_alloc(arena, 1, sizeof *c);
    *c = (struct cleanup){arena->cleanups, clean, thing};
    arena->cleanups = c;
}

size_t arena_used_bytes(const struct arena *arena)
{
    return arena->used_bytes;
}

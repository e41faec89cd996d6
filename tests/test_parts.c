/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts: every bit comes back, and what is of another job, damaged or cut short does not. */
#include "sim/experiment/parts.h"

#include <float.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/hash.h"
#include "tests/check.h"

static const char *dir_of(int idx)
{
    const char *dir = check_tmp(idx, "-parts");
    mkdir(dir, 0777);
    return dir;
}

static struct parts store(const char *const *dirs, int n)
{
    return (struct parts){
        .dirs = dirs,
        .n_dirs = n,
        .n_shards = 1,
        .job = {"sweep", "1.0 abc", 7, 0x0123456789abcdef, 0xfedcba9876543210, 1}};
}

static const double numbers[] = {0.1, -0.0, 1e-310, DBL_MAX, INFINITY, NAN, 1.0 / 3.0};
enum { N = sizeof numbers / sizeof numbers[0] };

static void put(const struct parts *parts, int64_t idx)
{
    struct err err = {0};
    struct part_writer *w = part_create(parts, "piece", idx, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w);
    part_put_text(w, "text", "a, \"b\"\nc");
    part_put_int(w, "count", INT64_MIN);
    part_put_nums(w, "list", numbers, N);
    part_put_nums(w, "none", NULL, 0);
    CU_ASSERT_TRUE(part_commit(w, &err));
}

static void every_bit_comes_back(void)
{
    const char *dir = dir_of(0);
    struct parts parts = store(&dir, 1);
    struct err err = {0};
    double back[N];
    CU_ASSERT_FALSE(parts_has(&parts, "piece", 5));
    put(&parts, 5);
    CU_ASSERT_TRUE(parts_has(&parts, "piece", 5));
    CU_ASSERT_FALSE(parts_has(&parts, "piece", 4));
    struct part_reader *r = part_open(&parts, "piece", 5, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    CU_ASSERT_STRING_EQUAL(part_text(r, "text"), "a, \"b\"\nc");
    CU_ASSERT_EQUAL(part_int(r, "count", INT64_MIN, INT64_MAX), INT64_MIN);
    part_nums(r, "list", back, N);
    part_nums(r, "none", NULL, 0);
    CU_ASSERT_TRUE(part_close(r, &err));
    for (int i = 0; i < N; i++) {
        bool same = isnan(numbers[i]) ? isnan(back[i])
                                      : memcmp(&back[i], &numbers[i], sizeof back[i]) == 0;
        CU_ASSERT_TRUE(same);
    }
}

static void parts_of_another_job_are_refused_with_their_place(void)
{
    static const char *const what[] = {"command is sweep, not run",
                                       "version is 1.0 abc, not 1.1",
                                       "seed is 7, not 8",
                                       "scenario is 0123456789abcdef, not 0000000000000001",
                                       "catalogue is fedcba9876543210",
                                       "mathematical library is 0000000000000001"};
    const char *dir = dir_of(1);
    struct parts parts = store(&dir, 1);
    put(&parts, 0);
    for (int i = 0; i < 6; i++) {
        struct parts other = parts;
        struct err err = {0};
        other.job.command = i == 0 ? "run" : parts.job.command;
        other.job.version = i == 1 ? "1.1" : parts.job.version;
        other.job.seed += i == 2;
        other.job.scenario = i == 3 ? 1 : parts.job.scenario;
        other.job.catalogue += i == 4;
        other.job.libm += i == 5;
        CU_ASSERT_PTR_NULL(part_open(&other, "piece", 0, &err));
        CU_ASSERT_EQUAL(err.code, ERR_INPUT);
        CU_ASSERT_EQUAL(err.line, 3 + i);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, what[i]));
    }
}

/* The file of piece 0 with its bytes from `from` on replaced by `tail`. */
static void damage(const struct parts *parts, const char *from, const char *tail)
{
    char bytes[4096];
    struct arena *arena = arena_new();
    const char *path = parts_path(arena, parts, "piece", 0);
    put(parts, 0);
    FILE *f = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    bytes[fread(bytes, 1, sizeof bytes - 1, f)] = '\0';
    fclose(f);
    char *at = strstr(bytes, from);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    f = fopen(path, "wb");
    fprintf(f, "%.*s%s", (int)(at - bytes), bytes, tail);
    fclose(f);
    arena_free(arena);
}

static bool reads(const struct parts *parts, struct err *err)
{
    double back[N];
    struct part_reader *r = part_open(parts, "piece", 0, err);
    if (!r) {
        return false;
    }
    part_text(r, "text");
    part_int(r, "count", INT64_MIN, INT64_MAX);
    part_nums(r, "list", back, N);
    part_nums(r, "none", NULL, 0);
    return part_close(r, err);
}

static void a_damaged_part_is_refused(void)
{
    static const struct {
        const char *from, *tail, *why;
    } cases[] = {
        {"name,value", "", "empty"},
        {"seed,7", "seed,x\n", "'seed' is no number"},
        {"scenario,", "scenario,12\n", "no fingerprint"},
        {"schema,1", "schema,2\n", "'schema' is no number"},
        {"count,", "count,9223372036854775808\n", "'count' is no number"},
        {"list,", "", "ends before 'list'"},
        {"list,", "lost,1\n", "'list' is wanted here, not 'lost'"},
        {"list,", "list,0x1p+0 0x1p+0\n", "list of as many numbers"},
        {" nan", " 1 1 1\nnone,\nrows,11\n", "list of as many numbers"},
        {"none,", "none,1\nrows,11\n", "'none' is no empty list"},
        {"rows,", "", "ends before 'rows'"},
        {"rows,", "rows,10\n", "'rows' is no number"},
        {"rows,", "rows,11\nrows,11\n", "below the number of rows"},
    };
    const char *dir = dir_of(2);
    struct parts parts = store(&dir, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};
        damage(&parts, cases[i].from, cases[i].tail);
        CU_ASSERT_FALSE(reads(&parts, &err));
        CU_ASSERT_EQUAL(err.code, ERR_INPUT);
        if (!strstr(err.text, cases[i].why)) {
            fprintf(stderr, "'%s' lacks '%s'\n", err.text, cases[i].why);
            CU_FAIL("why");
        }
    }
}

static void folders_are_searched_in_order_and_written_in_the_first(void)
{
    const char *dirs[] = {dir_of(3), dir_of(4)};
    struct parts both = store(dirs, 2);
    struct parts second = store(dirs + 1, 1);
    struct arena *arena = arena_new();
    put(&second, 1);
    CU_ASSERT_STRING_EQUAL(parts_find(arena, &both, "piece", 1),
                           parts_path(arena, &second, "piece", 1));
    put(&both, 1);
    CU_ASSERT_STRING_EQUAL(parts_find(arena, &both, "piece", 1),
                           parts_path(arena, &both, "piece", 1));
    CU_ASSERT_PTR_NULL(parts_find(arena, &both, "piece", 2));
    arena_free(arena);
}

static void every_piece_is_of_one_shard(void)
{
    struct parts shards[3];
    for (int i = 0; i < 3; i++) {
        shards[i] = (struct parts){.n_shards = 3, .shard_idx = i};
    }
    for (int64_t idx = 0; idx < 20; idx++) {
        CU_ASSERT_EQUAL(parts_is_mine(&shards[0], idx) + parts_is_mine(&shards[1], idx) +
                            parts_is_mine(&shards[2], idx),
                        1);
    }
    shards[0].merge = true;
    CU_ASSERT_FALSE(parts_is_mine(&shards[0], 0));
}

static void removing_takes_parts_and_leaves_what_is_not_ours(void)
{
    const char *dir = dir_of(5);
    char foreign[512];
    struct parts parts = store(&dir, 1);
    CU_ASSERT_TRUE(parts_is_empty(&parts));
    put(&parts, 1);
    CU_ASSERT_FALSE(parts_is_empty(&parts));
    parts_remove(&parts);
    CU_ASSERT_NOT_EQUAL(access(dir, F_OK), 0);
    struct err err = {0};
    CU_ASSERT_TRUE(parts_make(&parts, &err));
    put(&parts, 1);
    snprintf(foreign, sizeof foreign, "%s/notes.txt", dir);
    fclose(fopen(foreign, "w"));
    parts_remove(&parts);
    CU_ASSERT_FALSE(parts_has(&parts, "piece", 1));
    CU_ASSERT_EQUAL(access(foreign, F_OK), 0);
}

static void one_process_works_alone_and_shards_side_by_side(void)
{
    const char *dir = dir_of(6);
    struct err err = {0};
    struct parts a = store(&dir, 1);
    struct parts b = store(&dir, 1);
    CU_ASSERT_TRUE(parts_lock(&a, &err));
    CU_ASSERT_FALSE(parts_lock(&b, &err));
    CU_ASSERT_EQUAL(err.code, ERR_IO);
    parts_unlock(&a);
    a.n_shards = b.n_shards = 2;
    CU_ASSERT_TRUE(parts_lock(&a, &err));
    CU_ASSERT_TRUE(parts_lock(&b, &err));
    struct parts whole = store(&dir, 1);
    CU_ASSERT_FALSE(parts_lock(&whole, &err));
    parts_unlock(&a);
    parts_unlock(&b);
    CU_ASSERT_TRUE(parts_lock(&whole, &err));
    parts_unlock(&whole);
}

static void fingerprints_are_fnv1a(void)
{
    CU_ASSERT_EQUAL(hash_bytes(HASH_START, "a", 1), UINT64_C(0xaf63dc4c8601ec8c));
    CU_ASSERT_EQUAL(hash_bytes(HASH_START, "foobar", 6), UINT64_C(0x85944171f73967e8));
    CU_ASSERT_NOT_EQUAL(hash_text(hash_text(HASH_START, "ab"), "c"),
                        hash_text(hash_text(HASH_START, "a"), "bc"));
}

static uint64_t hash_of(const char *text, size_t n)
{
    const char *path = check_tmp(7, ".bin");
    uint64_t hash = HASH_START;
    struct err err = {0};
    FILE *f = fopen(path, "wb");
    fwrite(text, 1, n, f);
    fclose(f);
    CU_ASSERT_TRUE(hash_file(&hash, path, &err));
    return hash;
}

/* One changed byte anywhere in 40,000, or one more, is another file. */
static void every_byte_of_a_file_counts(void)
{
    enum { SIZE = 40003 };
    static char text[SIZE + 1];
    static const size_t at[] = {0, 7, 8, 16383, 16384, 39999, 40000, SIZE - 1};
    uint64_t hash = hash_of(text, SIZE);
    CU_ASSERT_EQUAL(hash_of(text, SIZE), hash);
    CU_ASSERT_NOT_EQUAL(hash_of(text, SIZE + 1), hash);
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        text[at[i]] = 1;
        CU_ASSERT_NOT_EQUAL(hash_of(text, SIZE), hash);
        text[at[i]] = 0;
    }
    struct err err = {0};
    CU_ASSERT_FALSE(hash_file(&hash, "/nowhere/at/all", &err));
}

#define CASE(name)                                                                             \
    {                                                                                          \
#name, name                                                                            \
    }

int main(void)
{
    static const struct check_case cases[] = {
        CASE(every_bit_comes_back),
        CASE(parts_of_another_job_are_refused_with_their_place),
        CASE(a_damaged_part_is_refused),
        CASE(folders_are_searched_in_order_and_written_in_the_first),
        CASE(every_piece_is_of_one_shard),
        CASE(removing_takes_parts_and_leaves_what_is_not_ours),
        CASE(one_process_works_alone_and_shards_side_by_side),
        CASE(fingerprints_are_fnv1a),
        CASE(every_byte_of_a_file_counts),
    };
    return check_main("parts", cases, sizeof cases / sizeof cases[0]);
}

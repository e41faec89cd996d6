/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event.h - the event list: a 4-ary array heap ordered by (time, priority, sequence number), so
 * ties leave in a defined order. Payload is two integers; what they mean is the caller's. */
#ifndef EVENT_H
#define EVENT_H

#include <stdbool.h>
#include <stdint.h>

struct event {
    double time_s;
    uint64_t order; /* priority << 48 | sequence; set by event_push */
    int32_t kind;
    int32_t target;
    int64_t data;
};

struct event_list;
struct event_list *event_list_new(void);
void event_list_free(struct event_list *list);
void event_push(struct event_list *list, double time_s, int priority, int32_t kind,
                int32_t target, int64_t data);              /* priority 0..65535, lower first */
bool event_pop(struct event_list *list, struct event *out); /* false when empty */
const struct event *event_peek(const struct event_list *list); /* NULL when empty */
int64_t event_count(const struct event_list *list);

#endif

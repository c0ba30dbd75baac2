/* The words of a refusal, names, and ids that are free. */

#include "fleet/controller_internal.h"

#include <stdarg.h>
#include <stdio.h>

void problem_say(struct fleet_problem *problem, const char *field, const char *format, ...)
{
    va_list args;

    if (!problem)
        return;
    snprintf(problem->field, sizeof(problem->field), "%s", field);
    va_start(args, format);
    vsnprintf(problem->message, sizeof(problem->message), format, args);
    va_end(args);
}

enum fleet_outcome name_check(str name, struct fleet_problem *problem)
{
    enum { NAME_MAX_BYTES = 200 };

    if (name.n == 0 || name.n > NAME_MAX_BYTES) {
        problem_say(problem, "name", "name: has %zu bytes; 1 to %d are expected", name.n,
                    NAME_MAX_BYTES);
        return FLEET_INVALID;
    }
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f || name.p[i] == '/') {
            problem_say(problem, "name", "name: has a control character or a slash at byte %zu", i);
            return FLEET_INVALID;
        }
    return FLEET_OK;
}

struct fleet_object *object_with_id(struct fleet *f, const struct fleet_world *w,
                                    enum fleet_kind kind, size_t bytes)
{
    char id[32];

    for (;;) {
        fleet_make_id(w->random, id, bytes);
        /* A deployment that is no more may still have files under its id. */
        if (fleet_find(f, kind, str_make(id, bytes)) ||
            (kind == FLEET_DEPLOYMENT && fleet_find_leftover(f, str_make(id, bytes))))
            continue;
        return fleet_add(f, kind, str_make(id, bytes));
    }
}

#include "cli/plan.h"

#include "base/mem.h"
#include "cli/table.h"

/* "paris (scaleway-par-1)", of each. */
static json_t *planes_of(const json_t *plan)
{
    json_t *list = json_array(), *plane;
    size_t i;

    json_array_foreach(json_object_get(plan, "planes"), i, plane)
    {
        json_array_append_new(
            list, json_sprintf("%s (%s)", table_text(plane, "name"), table_text(plane, "region")));
    }
    return list;
}

void plan_print(const json_t *plan)
{
    json_t *shown = json_copy((json_t *)plan);

    json_object_del(shown, "dry_run");
    json_object_set_new(shown, "planes", planes_of(plan));
    table_print_object(shown);
    json_decref(shown);
}

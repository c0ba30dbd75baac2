#include "control/instance_types.h"

#include "base/mem.h"
#include "control/render.h"
#include "fleet/fleet.h"

#define GIB 1024

static const struct instance_type types[] = {
    {FLEET_INSTANCE_TYPE, FLEET_INSTANCE_TYPE, 2 * GIB, 1000, 0, 0, STR_INIT("")},
    {STR_INIT("1x4"), STR_INIT("1x4"), 4 * GIB, 1000, 0, 0, STR_INIT("")},
    {STR_INIT("2x8"), STR_INIT("2x8"), 8 * GIB, 2000, 0, 0, STR_INIT("")},
    {STR_INIT("4x16"), STR_INIT("4x16"), 16 * GIB, 4000, 0, 0, STR_INIT("")},
    {STR_INIT("8x32"), STR_INIT("8x32"), 32 * GIB, 8000, 0, 0, STR_INIT("")},
    {STR_INIT("16x64"), STR_INIT("16x64"), 64 * GIB, 16000, 0, 0, STR_INIT("")},
    {STR_INIT("T4x4x16"), STR_INIT("T4x4x16"), 16 * GIB, 4000, 1, 16 * GIB, STR_INIT("T4")},
    {STR_INIT("L4x4x16"), STR_INIT("L4x4x16"), 16 * GIB, 4000, 1, 24 * GIB, STR_INIT("L4")},
    {STR_INIT("A10Gx4x16"), STR_INIT("A10Gx4x16"), 16 * GIB, 4000, 1, 24 * GIB, STR_INIT("A10G")},
    {STR_INIT("A100x12x144"), STR_INIT("A100x12x144"), 144 * GIB, 12000, 1, 80 * GIB,
     STR_INIT("A100")},
    {STR_INIT("H100x26x234"), STR_INIT("H100x26x234"), 234 * GIB, 26000, 1, 80 * GIB,
     STR_INIT("H100")},
};

const struct instance_type *instance_type_known(str id_or_name)
{
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (str_eq(types[i].id, id_or_name) || str_eq(types[i].name, id_or_name))
            return &types[i];
    return NULL;
}

const struct instance_type *instance_type_find(str id_or_name)
{
    const struct instance_type *known = instance_type_known(id_or_name);

    return known ? known : &types[0];
}

json_t *instance_type_json(const struct instance_type *t)
{
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:o, s:o}", "id", render_str(t->id), "name",
                     render_str(t->name), "memory_limit_mib", (json_int_t)t->memory_mib,
                     "millicpu_limit", (json_int_t)t->millicpu, "gpu_count", (json_int_t)t->gpus,
                     "gpu_type", t->gpu_type.n ? render_str(t->gpu_type) : json_null(),
                     "gpu_memory_limit_mib",
                     t->gpus ? json_integer(t->gpu_memory_mib) : json_null());
}

json_t *instance_types_json(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < COUNT_OF(types); i++)
        json_array_append_new(list, instance_type_json(&types[i]));
    return json_pack("{s:o}", "instance_types", list);
}

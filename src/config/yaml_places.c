#include "config/yaml_places.h"

#include <stdio.h>

enum { PLACE_KEY_BYTES = 512 };

/* The container's address, then the key's text or '#' and the index. A key longer than the buffer
 * is cut: its place is then shared with its like, which only blurs a message. */
static str place_key(char *to, const json_t *container, str key)
{
    size_t n =
        key.n < PLACE_KEY_BYTES - sizeof(container) ? key.n : PLACE_KEY_BYTES - sizeof(container);

    memcpy(to, &container, sizeof(container));
    if (n)
        memcpy(to + sizeof(container), key.p, n);
    return str_make(to, sizeof(container) + n);
}

void yaml_put_place(struct yaml_document *d, const json_t *container, str key,
                    struct yaml_place place)
{
    char text[PLACE_KEY_BYTES];
    struct yaml_place *kept = arena_alloc(&d->arena, sizeof(*kept));

    *kept = place;
    map_put(&d->places, arena_copy(&d->arena, place_key(text, container, key)), kept);
}

struct yaml_place yaml_member_place(const struct yaml_document *d, const json_t *object, str key)
{
    char text[PLACE_KEY_BYTES];
    const struct yaml_place *place = map_get(&d->places, place_key(text, object, key));

    return place ? *place : (struct yaml_place){0};
}

str yaml_index_key(char *to, size_t size, size_t index)
{
    return str_make(to, (size_t)snprintf(to, size, "%zu", index));
}

struct yaml_place yaml_item_place(const struct yaml_document *d, const json_t *array, size_t index)
{
    char text[YAML_INDEX_BYTES];

    return yaml_member_place(d, array, yaml_index_key(text, sizeof(text), index));
}

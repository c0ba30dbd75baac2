#include "control/customer_json.h"

#include "control/render.h"

json_t *customer_to_json(const struct store_customer *c)
{
    return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:f, s:n, s:n, s:n, s:s, s:o, s:o}",
                     "user_id", render_str(c->id), "alias", render_str(c->alias), "blocked",
                     c->blocked, "allowed_model_region", render_stored(c->allowed_model_region),
                     "primary", render_str(c->primary), "secondary", render_str(c->secondary),
                     "metadata", render_stored(c->metadata), "spend", 0.0, "default_model",
                     "litellm_budget_table", "object_permission", "owner",
                     c->owner == STORE_OWNER_FILE ? "file" : "api", "created_at",
                     render_time(c->created_ns), "updated_at", render_time(c->updated_ns));
}

void customer_audit(struct change *c, str action, const struct store_customer *before,
                    const struct store_customer *after)
{
    json_t *old = before ? customer_to_json(before) : NULL;
    json_t *new = after ? customer_to_json(after) : NULL;

    change_audit(c, action, before ? before->id : after->id, old, new);
    json_decref(old);
    json_decref(new);
}

/* What counts the requests of deployments: one for each, for as long as a policy names it. */

#include "edge/demand.h"

#include "base/mem.h"
#include "edge/edge.h"
#include "unit/test.h"

static struct edge edge;

/* n deployments of one model, from number `first` on; the first of them in an environment. */
static struct catalog *make_catalog(uint64_t revision, size_t first, size_t n)
{
    static const struct catalog_model model = {.id = STR_INIT("m")};
    static const struct catalog_environment environment = {.name = STR_INIT("prod")};
    struct catalog *c = catalog_new();

    c->revision = revision;
    c->models = arena_zalloc(&c->arena, sizeof(model));
    c->models[0] = model;
    c->environments = arena_zalloc(&c->arena, sizeof(environment));
    c->environments[0] = environment;
    c->deployments = arena_zalloc(&c->arena, n * sizeof(*c->deployments));
    for (size_t i = 0; i < n; i++)
        c->deployments[i] = (struct catalog_deployment){
            .id = arena_printf(&c->arena, "d%zu", first + i), .environment = i ? CATALOG_NONE : 0};
    c->n_deployments = n;
    return c;
}

static void test_a_deployment_keeps_its_demand(void)
{
    struct demands *d = demands_new(&edge);
    struct catalog *one = make_catalog(1, 0, 3), *two = make_catalog(2, 1, 3);
    struct demand **before = demands_attach(d, one), **after = demands_attach(d, two);

    CHECK(before[1] == after[0] && before[2] == after[1]);
    CHECK_STR(str_of(after[2]->deployment), "d3");
    CHECK_STR(metrics_label_text(after[0]->deployment_label), "d1");
    CHECK_STR(metrics_label_text(after[0]->model_label), "m");
    CHECK_STR(metrics_label_text(after[0]->environment_label), "prod");
    CHECK_INT(after[1]->environment_label, WORD_NONE);
    demands_free(d);
    catalog_free(one);
    catalog_free(two);
}

static void test_labels_have_a_bound(void)
{
    struct demands *d = demands_new(&edge);
    struct catalog *c = make_catalog(1, 1000, 300);
    struct demand **all = demands_attach(d, c);

    CHECK_STR(metrics_label_text(all[255]->deployment_label), "d1255");
    CHECK_INT(all[256]->deployment_label, WORD_OTHER);
    CHECK_STR(metrics_label_text(all[256]->model_label), "m");
    demands_free(d);
    catalog_free(c);
}

int main(void)
{
    metrics_label(STR("begin"));
    edge.loop = loop_new();
    RUN(test_a_deployment_keeps_its_demand);
    RUN(test_labels_have_a_bound);
    loop_free(edge.loop);
    return test_end();
}

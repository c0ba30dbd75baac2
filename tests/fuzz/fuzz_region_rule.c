/*
 * Bytes as everything that the region layer reads: canonical rule text, names in a rule, a
 * catalogue on the wire. The first byte says which. Checked is what has to hold whatever came in:
 * texts that parse are their own canonical form, a rule that compiles leaves something and never
 * the unknown, a catalogue that decodes encodes and decodes again.
 */

#include "base/arena.h"
#include "base/mem.h"
#include "region/normalise.h"
#include "region/permit.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static const struct region_catalogue *builtin_catalogue(void)
{
    static struct region_catalogue *c;

    if (!c)
        c = region_builder_finish(region_builder_new());
    return c;
}

static void compile(const struct region_rule *rule, struct arena *arena)
{
    const struct region_catalogue *c = builtin_catalogue();
    struct region_rule_compiled compiled;
    struct permit permit;
    str error = STR_NULL;

    if (region_rule_compile(rule, c, arena, &compiled, &error) != 0) {
        must(error.n > 0);
        return;
    }
    must(!region_set_is_empty(&compiled.inference));
    must(region_set_within(&compiled.inference, &compiled.transit));
    must(!region_set_has(&compiled.transit, region_unknown_bit(c)));
    must(region_rule_compare(&compiled, &compiled) == REGION_RULE_SAME);

    permit_init(&permit, c, 1);
    permit_narrow(&permit, PERMIT_CUSTOMER, STR("fuzz"), STR("rule"), &compiled);
    must(region_set_equal(&permit.set, &compiled.inference));
    CLEANUP(buf_deinit) struct buf text;
    buf_init(&text, 0);
    permit_explain(&permit, &text);
    must(text.n > 0);
}

static void fuzz_text(str text, struct arena *arena)
{
    struct region_rule rule;

    if (!region_rule_parse_canonical(text, arena, &rule))
        return;
    must(str_eq(region_rule_canonical(&rule, arena), text));
    compile(&rule, arena);
}

/* Names, one a line: the first half allowed, the second excluded. */
static void fuzz_names(str text, struct arena *arena)
{
    enum { MAX_NAMES = 32 };
    str names[MAX_NAMES], near;
    size_t n = 0;
    struct region_rule back;
    struct region_set set;

    while (text.n && n < MAX_NAMES)
        names[n++] = str_cut(&text, '\n');
    struct region_rule rule = {
        .allow = names, .n_allow = n / 2, .exclude = names + n / 2, .n_exclude = n - n / 2};
    must(region_rule_parse_canonical(region_rule_canonical(&rule, arena), arena, &back));
    compile(&rule, arena);
    for (size_t i = 0; i < n; i++) {
        near = region_near_match(builtin_catalogue(), names[i]);
        must(!near.p || region_resolve(builtin_catalogue(), near, &set));
        (void)region_find_azure(builtin_catalogue(), names[i]);
        (void)region_zone_of_model(names[i]);
    }
}

static void fuzz_wire(str bytes)
{
    CLEANUP(buf_deinit) struct buf own, again;
    struct wire_reader r;

    buf_init(&own, 0);
    buf_init(&again, 0);
    region_catalogue_encode(builtin_catalogue(), &own);
    own.n = 16; /* this build's digest, which no mutation would hit upon */
    buf_put_str(&own, bytes);
    r.rest = buf_str(&own);
    r.failed = false;
    struct region_catalogue *c = region_catalogue_decode(&r);
    must((c == NULL) == r.failed);
    if (!c)
        return;
    region_catalogue_encode(c, &again);
    r = (struct wire_reader){.rest = buf_str(&again)};
    struct region_catalogue *d = region_catalogue_decode(&r);
    must(d != NULL && r.rest.n == 0 && region_count(d) == region_count(c));
    region_catalogue_unref(d);
    region_catalogue_unref(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;

    if (size == 0)
        return 0;
    str text = str_make((const char *)data + 1, size - 1);
    arena_init(&arena, NULL, 0);
    switch (data[0] % 3) {
    case 0:
        fuzz_text(text, &arena);
        break;
    case 1:
        fuzz_names(text, &arena);
        break;
    default:
        fuzz_wire(text);
    }
    arena_deinit(&arena);
    return 0;
}

#include "config/sentence.h"

#include "base/mem.h"

struct reading {
    const struct config *config;
    const struct catalog *catalog;
    struct arena *arena;
    str why; /* the whole text, until something is wrong with it */
};

static const struct catalog_key *find_key(const struct reading *r, str name)
{
    for (size_t i = 0; i < r->catalog->n_keys; i++) {
        if (str_eq(r->catalog->keys[i].name, name))
            return &r->catalog->keys[i];
    }
    return NULL;
}

static bool knows_customer(const struct reading *r, str id)
{
    for (size_t i = 0; i < r->config->n_customers; i++) {
        if (str_eq(r->config->customers[i].id, id))
            return true;
    }
    return false;
}

static bool malformed(struct reading *r, const char *what, str word)
{
    r->why = arena_printf(r->arena, "%s \"%.*s\"", what, STR_ARG(str_upto(word, 80)));
    return false;
}

/* An id that is not in the file would make `never` true by being refused, so it is a mistake. */
static bool take_customer(struct reading *r, struct sentence *s, str id)
{
    if (!knows_customer(r, id))
        return malformed(r, "the file has no customer", id);
    if (s->n_customers == POLICY_MAX_CUSTOMER_IDS)
        return malformed(r, "too many customers at", id);
    s->customers[s->n_customers++] = id;
    return true;
}

/* `customer=ID`, `key=NAME`, `model=NAME`. */
static bool take_named(struct reading *r, struct sentence *s, str name, str value)
{
    str matched;

    if (str_eq(name, STR("model"))) {
        s->group = catalog_find_group(r->catalog, value, &matched);
        return s->group || malformed(r, "there is no model group for", value);
    }
    s->has_subject = true;
    if (str_eq(name, STR("customer")))
        return take_customer(r, s, value);
    if (!str_eq(name, STR("key")))
        return malformed(r, "expected customer=, key= or model=, found", name);
    s->key = find_key(r, value);
    return s->key || malformed(r, "the file has no key", value);
}

static bool take_subject(struct reading *r, struct sentence *s, str word)
{
    size_t equals = str_find(word, '=', 0);

    if (equals < word.n)
        return take_named(r, s, str_upto(word, equals), str_from(word, equals + 1));
    s->has_subject = true;
    if (str_eq(word, STR("org")))
        s->subject = SUBJECT_ORGANIZATION;
    else if (str_eq(word, STR("anyone")))
        s->subject = SUBJECT_ANYONE;
    else
        return malformed(
            r, "expected customer=ID, key=NAME, org, anyone, never, only or may, found", word);
    return true;
}

static bool find_verb(str word, enum sentence_verb *ret_verb)
{
    static const str verbs[] = {STR_INIT("never"), STR_INIT("only"), STR_INIT("may")};

    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (str_eq(verbs[i], word)) {
            *ret_verb = (enum sentence_verb)i;
            return true;
        }
    }
    return false;
}

static bool take_place(struct reading *r, struct sentence *s, str name)
{
    const struct region_catalogue *regions = r->config->regions;
    str near;

    s->place_name = name;
    if (name.n == 0)
        return malformed(r, "expected a region, zone or country at the end of", r->why);
    if (region_resolve(regions, name, &s->place))
        return true;
    near = region_near_match(regions, name);
    if (!near.p)
        return malformed(r, "there is no region, zone or country", name);
    r->why = arena_printf(r->arena,
                          "there is no region, zone or country \"%.*s\"; did you mean \"%.*s\"?",
                          STR_ARG(name), STR_ARG(near));
    return false;
}

/* The next word, "" at the end. */
static str next_word(str *rest)
{
    str word = STR("");

    *rest = str_trim(*rest);
    while (rest->n && !word.n)
        word = str_cut(rest, ' ');
    return word;
}

static bool check_whole(struct reading *r, const struct sentence *s)
{
    if (!s->place_name.p)
        return malformed(r, "expected never, only or may, and a place, after", r->why);
    if (!s->has_subject)
        return malformed(r, "expected customer=ID, key=NAME, org or anyone before the verb of",
                         s->place_name);
    if (s->subject != SUBJECT_REQUEST &&
        (s->n_customers || (s->key && s->subject != SUBJECT_ANYONE)))
        return malformed(r, "org and anyone stand alone; found one more subject before",
                         s->place_name);
    return true;
}

static bool take_word(struct reading *r, struct sentence *s, str word, str *rest)
{
    if (!s->place_name.p && find_verb(word, &s->verb))
        return take_place(r, s, next_word(rest));
    if (!s->place_name.p || str_starts(word, STR("model=")))
        return take_subject(r, s, word);
    return malformed(r, "only model=NAME may follow the place, found", word);
}

bool sentence_read(str text, const struct config *config, const struct catalog *catalog,
                   struct arena *arena, struct sentence *ret_sentence, str *ret_why)
{
    struct reading r = {config, catalog, arena, text};
    struct sentence s = {.place_name = STR_NULL};
    str rest = text, word;
    bool fine = true;

    while (fine && (word = next_word(&rest)).n)
        fine = take_word(&r, &s, word, &rest);
    if (!fine || !check_whole(&r, &s)) {
        *ret_why = r.why;
        return false;
    }
    *ret_sentence = s;
    return true;
}

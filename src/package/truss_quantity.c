#include "package/truss_quantity.h"

#include "base/mem.h"

enum { MILLION = 1000000, FRACTION_DIGITS = 6 };

static const uint64_t max_whole = 1000000000000000;

/* A number without sign: its whole part, and its fraction in millionths. */
struct decimal {
    uint64_t whole;
    uint64_t millionths;
};

/* Reads "12", "12.5" or ".5" at the beginning of *text. */
static bool take_decimal(str *text, struct decimal *ret)
{
    struct decimal d = {0};
    size_t i = 0, digits = 0;

    for (; i < text->n && text->p[i] >= '0' && text->p[i] <= '9'; i++, digits++) {
        d.whole = 10 * d.whole + (uint64_t)(text->p[i] - '0');
        if (d.whole > max_whole)
            return false;
    }
    if (i < text->n && text->p[i] == '.') {
        uint64_t weight = MILLION / 10;

        for (i++; i < text->n && text->p[i] >= '0' && text->p[i] <= '9'; i++, digits++) {
            if (!weight)
                return false;
            d.millionths += weight * (uint64_t)(text->p[i] - '0');
            weight /= 10;
        }
    }
    *text = str_from(*text, i);
    *ret = d;
    return digits > 0;
}

bool truss_parse_cpu(str text, uint32_t *ret_milli)
{
    struct decimal d;
    uint64_t millionths, milli;

    if (!take_decimal(&text, &d) || d.whole > 1000 * (uint64_t)MILLION)
        return false;
    millionths = d.whole * MILLION + d.millionths;
    if (str_eq(text, STR("m")))
        milli = (millionths + MILLION - 1) / MILLION;
    else if (text.n == 0)
        milli = (millionths + 999) / 1000;
    else
        return false;
    if (milli == 0 || milli > 1000 * (uint64_t)MILLION)
        return false;
    *ret_milli = (uint32_t)milli;
    return true;
}

bool truss_parse_memory(str text, uint64_t *ret_bytes)
{
    static const struct {
        str name;
        uint64_t bytes;
    } units[] = {
        {STR_INIT(""), 1},
        {STR_INIT("k"), 1000},
        {STR_INIT("M"), MILLION},
        {STR_INIT("G"), 1000 * (uint64_t)MILLION},
        {STR_INIT("T"), MILLION * (uint64_t)MILLION},
        {STR_INIT("Ki"), 1ULL << 10},
        {STR_INIT("Mi"), 1ULL << 20},
        {STR_INIT("Gi"), 1ULL << 30},
        {STR_INIT("Ti"), 1ULL << 40},
        {STR_INIT("P"), 1000 * (uint64_t)MILLION * MILLION},
        {STR_INIT("E"), MILLION * (uint64_t)MILLION * MILLION},
        {STR_INIT("Pi"), 1ULL << 50},
        {STR_INIT("Ei"), 1ULL << 60},
    };
    struct decimal d;

    if (!take_decimal(&text, &d))
        return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        uint64_t unit = units[i].bytes, bytes;
        /* Parted, since the product of both does not fit. */
        uint64_t part = d.millionths * (unit / MILLION) + d.millionths * (unit % MILLION) / MILLION;

        if (!str_eq(units[i].name, text))
            continue;
        if (__builtin_mul_overflow(d.whole, unit, &bytes) ||
            __builtin_add_overflow(bytes, part, &bytes) || bytes == 0)
            return false;
        *ret_bytes = bytes;
        return true;
    }
    return false;
}

#include "config/value.h"

#include "base/mem.h"

#include <arpa/inet.h>

struct unit {
    str name;
    uint64_t factor;
};

/* Cuts "12.5" off the front of *text and returns it times 10^decimals. */
static bool take_scaled(str *text, unsigned decimals, uint64_t *ret_scaled)
{
    uint64_t value = 0;
    size_t at = 0, fraction = 0;
    bool point = false;

    for (; at < text->n; at++) {
        char c = text->p[at];

        if (c == '.' && !point && at > 0) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        if (point && ++fraction > decimals)
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
            return false;
    }
    if (at == 0 || (point && fraction == 0))
        return false;
    for (; fraction < decimals; fraction++) {
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    }
    *text = str_from(*text, at);
    *ret_scaled = value;
    return true;
}

static const struct unit *find_unit(const struct unit *units, size_t n, str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(units[i].name, name))
            return &units[i];
    }
    return NULL;
}

bool value_parse_duration(str text, int64_t *ret_ms)
{
    static const struct unit units[] = {
        {STR_INIT(""), 1000},       {STR_INIT("ms"), 1},      {STR_INIT("s"), 1000},
        {STR_INIT("m"), 60000},     {STR_INIT("h"), 3600000}, {STR_INIT("d"), 86400000},
        {STR_INIT("w"), 604800000},
    };
    const struct unit *unit;
    uint64_t value;

    if (!take_scaled(&text, 3, &value))
        return false;
    unit = find_unit(units, COUNT_OF(units), text);
    if (!unit || __builtin_mul_overflow(value, unit->factor, &value) || value / 1000 > INT64_MAX)
        return false;
    *ret_ms = (int64_t)(value / 1000);
    return true;
}

bool value_parse_bytes(str text, uint64_t *ret_bytes)
{
    static const struct unit units[] = {
        {STR_INIT(""), 1},          {STR_INIT("B"), 1},         {STR_INIT("kB"), 1000},
        {STR_INIT("KB"), 1000},     {STR_INIT("MB"), 1000000},  {STR_INIT("GB"), 1000000000},
        {STR_INIT("KiB"), 1 << 10}, {STR_INIT("MiB"), 1 << 20}, {STR_INIT("GiB"), 1 << 30},
    };
    const struct unit *unit;
    uint64_t value;

    if (!take_scaled(&text, 0, &value))
        return false;
    unit = find_unit(units, COUNT_OF(units), text);
    if (!unit || __builtin_mul_overflow(value, unit->factor, &value))
        return false;
    *ret_bytes = value;
    return true;
}

bool value_parse_scaled(str text, unsigned decimals, int64_t *ret_scaled)
{
    bool negative = str_starts(text, STR("-"));
    uint64_t value;

    if (negative)
        text = str_from(text, 1);
    if (!take_scaled(&text, decimals, &value) || text.n || value > INT64_MAX)
        return false;
    *ret_scaled = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool is_address(str host)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];

    if (host.n >= sizeof(text) || memchr(host.p, 0, host.n))
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

bool value_parse_listen(str text, str *ret_host, uint16_t *ret_port)
{
    size_t colon = text.n;
    uint64_t port;
    str host;

    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    host = colon ? str_upto(text, colon - 1) : STR("");
    if (!str_parse_u64(str_from(text, colon), &port) || port == 0 || port > UINT16_MAX)
        return false;
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_make(host.p + 1, host.n - 2);
    else if (memchr(host.p, ':', host.n))
        return false;
    if (host.n == 0)
        host = STR("0.0.0.0");
    if (!is_address(host))
        return false;
    *ret_host = host;
    *ret_port = (uint16_t)port;
    return true;
}

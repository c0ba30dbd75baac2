#include "base/mem.h"
#include "package/truss_quantity.h"
#include "unit/test.h"

enum { NONE = -1 };

static void test_processors(void)
{
    static const struct {
        const char *text;
        int64_t milli;
    } rows[] = {
        {"1", 1000},
        {"4", 4000},
        {"500m", 500},
        {"0.5", 500},
        {".25", 250},
        {"1.5", 1500},
        {"2.", 2000},
        {"0.0001", 1},
        {"1500m", 1500},
        {"0.5m", 1},
        {"1000000", 1000000000},
        {"1000001", NONE},
        {"0", NONE},
        {"0m", NONE},
        {"", NONE},
        {"m", NONE},
        {".", NONE},
        {"-1", NONE},
        {"1 ", NONE},
        {"1M", NONE},
        {"1e3", NONE},
        {"1.2.3", NONE},
        {"1.2345678", NONE},
        {"99999999999999999999", NONE},
        {"1000000000000000m", NONE},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint32_t milli = 7;
        bool fine = truss_parse_cpu(str_of(rows[i].text), &milli);

        if (fine != (rows[i].milli != NONE) || milli != (fine ? rows[i].milli : 7))
            printf("  %s: %u\n", rows[i].text, milli);
        CHECK(fine == (rows[i].milli != NONE));
        CHECK_INT(milli, fine ? rows[i].milli : 7);
    }
}

static void test_memory(void)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } rows[] = {
        {"2Gi", 2LL << 30},
        {"512Mi", 512LL << 20},
        {"1.5G", 1500000000},
        {"1k", 1000},
        {"1Ki", 1024},
        {"3M", 3000000},
        {"1T", 1000000000000},
        {"1Ti", 1LL << 40},
        {"1048576", 1048576},
        {"0.5Gi", 512LL << 20},
        {"0.000001Ki", NONE},
        {"0", NONE},
        {"0Gi", NONE},
        {"2GB", NONE},
        {"2gi", NONE},
        {"2 Gi", NONE},
        {"Gi", NONE},
        {"", NONE},
        {"-2Gi", NONE},
        {"1Pi", 1LL << 50},
        {"7.5Ei", 0x7800000000000000},
        {"1P", 1000000000000000},
        {"20E", NONE},
        {"99999999Ti", NONE},
        {"999999999999999", 999999999999999},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t bytes = 7;
        bool fine = truss_parse_memory(str_of(rows[i].text), &bytes);

        if (fine != (rows[i].bytes != NONE))
            printf("  %s\n", rows[i].text);
        CHECK(fine == (rows[i].bytes != NONE));
        CHECK_INT(bytes, fine ? rows[i].bytes : 7);
    }
}

int main(void)
{
    RUN(test_processors);
    RUN(test_memory);
    return test_end();
}

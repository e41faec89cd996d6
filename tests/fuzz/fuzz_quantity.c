/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_quantity.c - numbers with units: the first byte is the unit, the rest the text. */
#include <math.h>

#include "sim/base/quantity.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char why[160] = "", shown[64];
    double value = NAN;
    if (n == 0) {
        return 0;
    }
    enum unit unit = (enum unit)(data[0] % (UNIT_FLOPS_PER_S + 1));
    char *text = xmalloc(n);
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    if (quantity_parse(text, unit, &value, why, sizeof why)) {
        FUZZ_CHECK(isfinite(value));
        FUZZ_CHECK(strlen(quantity_format(shown, sizeof shown, value, unit)) < sizeof shown);
    } else {
        FUZZ_CHECK(why[0] != '\0');
    }
    if (quantity_number(text, &value, why, sizeof why)) {
        FUZZ_CHECK(isfinite(value));
        snprintf(shown, sizeof shown, "%.17g", value);
        double again = NAN;
        FUZZ_CHECK(quantity_number(shown, &again, why, sizeof why) && again == value);
    }
    free(text);
    return 0;
}

/* units.c - units, and words with a meaning beside formulas.  See words.h. */
#include "answer/words.h"

#include <string.h>

/* Lower case; a plural 's' is tried as well.  Symbols whose case matters (mL, MW)
 * are found as they are first. */
static const struct unit units[] = {
    {"mm", UNIT_LENGTH, 1, 1000},
    {"millimeter", UNIT_LENGTH, 1, 1000},
    {"millimetre", UNIT_LENGTH, 1, 1000},
    {"cm", UNIT_LENGTH, 1, 100},
    {"centimeter", UNIT_LENGTH, 1, 100},
    {"centimetre", UNIT_LENGTH, 1, 100},
    {"dm", UNIT_LENGTH, 1, 10},
    {"decimeter", UNIT_LENGTH, 1, 10},
    {"m", UNIT_LENGTH, 1, 1},
    {"meter", UNIT_LENGTH, 1, 1},
    {"metre", UNIT_LENGTH, 1, 1},
    {"km", UNIT_LENGTH, 1000, 1},
    {"kilometer", UNIT_LENGTH, 1000, 1},
    {"kilometre", UNIT_LENGTH, 1000, 1},
    {"in", UNIT_LENGTH, 254, 10000},
    {"inch", UNIT_LENGTH, 254, 10000},
    {"inches", UNIT_LENGTH, 254, 10000},
    {"ft", UNIT_LENGTH, 3048, 10000},
    {"foot", UNIT_LENGTH, 3048, 10000},
    {"feet", UNIT_LENGTH, 3048, 10000},
    {"yd", UNIT_LENGTH, 9144, 10000},
    {"yard", UNIT_LENGTH, 9144, 10000},
    {"mi", UNIT_LENGTH, 1609344, 1000},
    {"mile", UNIT_LENGTH, 1609344, 1000},
    {"nm", UNIT_LENGTH, 1, 1000000000},
    {"nanometer", UNIT_LENGTH, 1, 1000000000},
    {"mg", UNIT_MASS, 1, 1000},
    {"milligram", UNIT_MASS, 1, 1000},
    {"g", UNIT_MASS, 1, 1},
    {"gram", UNIT_MASS, 1, 1},
    {"kg", UNIT_MASS, 1000, 1},
    {"kilogram", UNIT_MASS, 1000, 1},
    {"lb", UNIT_MASS, 45359237, 100000},
    {"lbs", UNIT_MASS, 45359237, 100000},
    {"pound", UNIT_MASS, 45359237, 100000},
    {"oz", UNIT_MASS, 28349523125, 1000000000},
    {"ounce", UNIT_MASS, 28349523125, 1000000000},
    {"ms", UNIT_TIME, 1, 1000},
    {"millisecond", UNIT_TIME, 1, 1000},
    {"s", UNIT_TIME, 1, 1},
    {"sec", UNIT_TIME, 1, 1},
    {"second", UNIT_TIME, 1, 1},
    {"min", UNIT_TIME, 60, 1},
    {"minute", UNIT_TIME, 60, 1},
    {"h", UNIT_TIME, 3600, 1},
    {"hr", UNIT_TIME, 3600, 1},
    {"hour", UNIT_TIME, 3600, 1},
    {"day", UNIT_TIME, 86400, 1},
    {"week", UNIT_TIME, 604800, 1},
    {"ml", UNIT_VOLUME, 1, 1000},
    {"mL", UNIT_VOLUME, 1, 1000},
    {"milliliter", UNIT_VOLUME, 1, 1000},
    {"millilitre", UNIT_VOLUME, 1, 1000},
    {"l", UNIT_VOLUME, 1, 1},
    {"L", UNIT_VOLUME, 1, 1},
    {"liter", UNIT_VOLUME, 1, 1},
    {"litre", UNIT_VOLUME, 1, 1},
    {"cent", UNIT_MONEY, 1, 100},
    {"dollar", UNIT_MONEY, 1, 1},
    {"usd", UNIT_MONEY, 1, 1},
    {"hz", UNIT_FREQUENCY, 1, 1},
    {"khz", UNIT_FREQUENCY, 1000, 1},
    {"mhz", UNIT_FREQUENCY, 1000000, 1},
    {"n", UNIT_FORCE, 1, 1},
    {"newton", UNIT_FORCE, 1, 1},
    {"j", UNIT_ENERGY, 1, 1},
    {"joule", UNIT_ENERGY, 1, 1},
    {"kj", UNIT_ENERGY, 1000, 1},
    {"w", UNIT_POWER, 1, 1},
    {"watt", UNIT_POWER, 1, 1},
    {"kw", UNIT_POWER, 1000, 1},
    {"v", UNIT_VOLTAGE, 1, 1},
    {"volt", UNIT_VOLTAGE, 1, 1},
    {"a", UNIT_CURRENT, 1, 1},
    {"amp", UNIT_CURRENT, 1, 1},
    {"ampere", UNIT_CURRENT, 1, 1},
    {"ohm", UNIT_RESISTANCE, 1, 1},
    {"pa", UNIT_PRESSURE, 1, 1},
    {"kpa", UNIT_PRESSURE, 1000, 1},
    {"celsius", UNIT_CELSIUS, 1, 1},
    {"fahrenheit", UNIT_FAHRENHEIT, 1, 1},
    {"kelvin", UNIT_KELVIN, 1, 1},
    {"mph", UNIT_SPEED, 1609344, 3600000},
    {"kph", UNIT_SPEED, 1000, 3600},
    {"acre", UNIT_AREA, 40468564224, 10000000},
};

const struct unit *word_unit(struct str name)
{
    char lower[16];
    if (!name.n || name.n >= sizeof lower)
        return NULL;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
    }
    /* One capital letter is a unit of its own; "M" is no metre. */
    if (name.n == 1 && name.p[0] == 'M')
        return NULL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (units[i].name[0] != lower[0])
            continue;
        size_t n = strlen(units[i].name);
        if (memcmp(units[i].name, lower, n < name.n ? n : name.n) == 0 &&
            (n == name.n || (n > 2 && name.n == n + 1 && lower[n] == 's')))
            return &units[i];
    }
    return NULL;
}

bool word_is_judging(struct str name)
{
    static const char *const words[] = {
        "not",    "no",      "more",    "less",   "least",   "most",     "than",    "wrong",
        "if",     "when",    "except",  "but",    "maybe",   "possibly", "greater", "fewer",
        "false",  "true",    "is",      "are",    "isn't",   "or",       "and",     "to",
        "from",   "between", "without", "either", "neither", "nor",      "minus",   "plus",
        "times",  "squared", "cubed",   "over",   "divided", "through",  "until",   "incorrect",
        "unless", "where",   "however", "other",  "another", "mod",      "modulo",  "base",
        "only",   "because", "since",   "any",    "all",     "both",     "for",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word_equal_fold(name, words[i]))
            return true;
    return false;
}

bool word_is_abbreviation(struct str name)
{
    static const char *const words[] = {"sq", "cu", "in", "ft", "yd", "mi", "hr", "min", "sec"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word_equal_fold(name, words[i]))
            return true;
    return false;
}

bool word_is_short(struct str name)
{
    static const char *const words[] = {
        "per", "day", "the", "for", "men",  "car", "cat", "dog", "egg", "box", "bag", "cup",
        "hat", "pen", "job", "kid", "bus",  "pie", "toy", "cow", "pig", "hen", "bee", "ant",
        "key", "map", "pin", "bat", "boy",  "son", "way", "set", "odd", "yes", "not", "no",
        "is",  "are", "was", "has", "can",  "may", "one", "two", "six", "ten", "red", "new",
        "old", "big", "all", "any", "both", "if",  "of",  "to",  "in",  "by",  "on",  "at",
        "be",  "he",  "she", "his", "her",  "its", "it",  "we",  "you", "sun", "mon", "tue",
        "wed", "thu", "fri", "sat", "jan",  "feb", "mar", "apr", "jun", "jul", "aug", "sep",
        "oct", "nov", "dec", "off", "out",  "net", "tip", "cut", "sq",  "pts", "hrs",
    };
    if (name.n < 2 || name.n > 4)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word_equal_fold(name, words[i]))
            return true;
    return false;
}

int word_number(struct str name)
{
    static const char *const words[] = {
        "zero",     "one",     "two",     "three",     "four",     "five",     "six",
        "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",   "thirteen",
        "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word_equal_fold(name, words[i]))
            return (int)i;
    static const char *const tens[] = {"thirty",  "forty",  "fifty", "sixty",
                                       "seventy", "eighty", "ninety"};
    for (size_t i = 0; i < sizeof tens / sizeof *tens; i++)
        if (word_equal_fold(name, tens[i]))
            return 10 * ((int)i + 3);
    return -1;
}

int64_t word_factor(struct str name)
{
    if (word_equal_fold(name, "dozen"))
        return 12;
    if (word_equal_fold(name, "hundred"))
        return 100;
    if (word_equal_fold(name, "thousand"))
        return 1000;
    if (word_equal_fold(name, "million"))
        return 1000000;
    if (word_equal_fold(name, "billion"))
        return 1000000000;
    if (word_equal_fold(name, "trillion"))
        return 1000000000000;
    return 0;
}

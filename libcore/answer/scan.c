/* scan.c - see scan.h. */
#include "answer/scan.h"

size_t scan_brace(struct str s, size_t open)
{
    size_t depth = 0;
    for (size_t i = open; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\')
            i++;
        else if (c == '{')
            depth++;
        else if (c == '}' && --depth == 0)
            return i;
    }
    return STR_NONE;
}

char scan_script(uint32_t c, bool *super)
{
    *super = true;
    switch (c) {
    case 0xb9: return '1';
    case 0xb2: return '2';
    case 0xb3: return '3';
    case 0x2070: return '0';
    case 0x2071: return 'i';
    case 0x207f: return 'n';
    case 0x207a: return '+';
    case 0x207b: return '-';
    case 0x207d: return '(';
    case 0x207e: return ')';
    case 0x02e3: return 'x';
    default: break;
    }
    if (c >= 0x2074 && c <= 0x2079)
        return (char)('0' + (c - 0x2070));
    *super = false;
    if (c >= 0x2080 && c <= 0x2089)
        return (char)('0' + (c - 0x2080));
    switch (c) {
    case 0x208a: return '+';
    case 0x208b: return '-';
    case 0x2090: return 'a';
    case 0x2091: return 'e';
    case 0x2099: return 'n';
    case 0x2096: return 'k';
    case 0x2098: return 'm';
    case 0x1d62: return 'i';
    case 0x2c7c: return 'j';
    case 0x2093: return 'x';
    default: return 0;
    }
}

bool scan_fraction(uint32_t c, const char **num, const char **den)
{
    static const struct {
        uint32_t c;
        const char *num, *den;
    } f[] = {{0xbd, "1", "2"},   {0xbc, "1", "4"},   {0xbe, "3", "4"},   {0x2153, "1", "3"},
             {0x2154, "2", "3"}, {0x2155, "1", "5"}, {0x2156, "2", "5"}, {0x2157, "3", "5"},
             {0x2158, "4", "5"}, {0x2159, "1", "6"}, {0x215a, "5", "6"}, {0x215b, "1", "8"},
             {0x215c, "3", "8"}, {0x215d, "5", "8"}, {0x215e, "7", "8"}, {0x2150, "1", "7"},
             {0x2151, "1", "9"}, {0x2152, "1", "10"}};
    for (size_t i = 0; i < sizeof f / sizeof *f; i++)
        if (f[i].c == c) {
            *num = f[i].num;
            *den = f[i].den;
            return true;
        }
    return false;
}

const char *scan_unicode(uint32_t c)
{
    static const struct {
        uint32_t c;
        const char *s;
    } map[] = {
        {0x00d7, "\\times"},    {0x00f7, "\\div"},      {0x00b7, "\\cdot"},
        {0x22c5, "\\cdot"},     {0x2219, "\\cdot"},     {0x2217, "\\ast"},
        {0x2022, "\\cdot"},     {0x2212, "-"},          {0x2010, "-"},
        {0x2011, "-"},          {0x2012, "-"},          {0x2013, "-"},
        {0x2014, "-"},          {0x2015, "-"},          {0xff0d, "-"},
        {0xfe63, "-"},          {0x00b1, "\\pm"},       {0x2213, "\\mp"},
        {0x221a, "\\sqrt"},     {0x221e, "\\infty"},    {0x03c0, "\\pi"},
        {0x1d70b, "\\pi"},      {0x2264, "\\le"},       {0x2265, "\\ge"},
        {0x2a7d, "\\le"},       {0x2a7e, "\\ge"},       {0x2260, "\\ne"},
        {0x2248, "\\approx"},   {0x2245, "\\cong"},     {0x2261, "\\equiv"},
        {0x2208, "\\in"},       {0x2209, "\\notin"},    {0x222a, "\\cup"},
        {0x2229, "\\cap"},      {0x2216, "\\setminus"}, {0x2205, "\\emptyset"},
        {0x00d8, "\\emptyset"}, {0x211d, "\\R"},        {0x2115, "\\N"},
        {0x2124, "\\Z"},        {0x211a, "\\Q"},        {0x2102, "\\C"},
        {0x00b0, "\\degree"},   {0x02da, "\\degree"},   {0x00ba, "\\degree"},
        {0x2032, "\\prime"},    {0x2019, "\\prime"},    {0x2192, "\\to"},
        {0x2026, "\\ldots"},    {0x22ef, "\\cdots"},    {0x20ac, "\\euro"},
        {0x00a3, "\\pounds"},   {0x00a5, "\\yen"},      {0xffe5, "\\yen"},
        {0x2220, "\\angle"},    {0x25b3, "\\triangle"}, {0x27e8, "\\langle"},
        {0x27e9, "\\rangle"},   {0x2329, "\\langle"},   {0x232a, "\\rangle"},
        {0x230a, "\\lfloor"},   {0x230b, "\\rfloor"},   {0x2308, "\\lceil"},
        {0x2309, "\\rceil"},    {0x2211, "\\sum"},      {0x220f, "\\prod"},
        {0x222b, "\\int"},      {0x2202, "\\partial"},  {0x2227, "\\land"},
        {0x2228, "\\lor"},      {0x2223, "\\mid"},      {0x2044, "/"},
        {0x2215, "/"},          {0x03b1, "\\alpha"},    {0x03b2, "\\beta"},
        {0x03b3, "\\gamma"},    {0x03b4, "\\delta"},    {0x03b5, "\\epsilon"},
        {0x03b6, "\\zeta"},     {0x03b7, "\\eta"},      {0x03b8, "\\theta"},
        {0x03d1, "\\theta"},    {0x03ba, "\\kappa"},    {0x03bb, "\\lambda"},
        {0x03bc, "\\mu"},       {0x00b5, "\\mu"},       {0x03bd, "\\nu"},
        {0x03be, "\\xi"},       {0x03c1, "\\rho"},      {0x03c3, "\\sigma"},
        {0x03c4, "\\tau"},      {0x03c6, "\\phi"},      {0x03d5, "\\phi"},
        {0x03c7, "\\chi"},      {0x03c8, "\\psi"},      {0x03c9, "\\omega"},
        {0x0393, "\\Gamma"},    {0x0394, "\\Delta"},    {0x2206, "\\Delta"},
        {0x0398, "\\Theta"},    {0x039b, "\\Lambda"},   {0x03a3, "\\Sigma"},
        {0x03a6, "\\Phi"},      {0x03a8, "\\Psi"},      {0x03a9, "\\Omega"},
        {0x2126, "\\Omega"},    {0xff08, "("},          {0xff09, ")"},
        {0xff0c, ","},          {0xff1a, ":"},          {0xff1b, ";"},
        {0xff1d, "="},          {0xff1c, "<"},          {0xff1e, ">"},
        {0xff0b, "+"},          {0xff05, "%"},          {0x3001, ","},
        {0x3002, "."},          {0xff0e, "."},          {0x3010, "["},
        {0x3011, "]"},          {0x2236, ":"},          {0x00a0, " "},
        {0x2009, " "},          {0x200a, " "},          {0x202f, " "},
        {0x2002, " "},          {0x2003, " "},          {0x3000, " "},
        {0x2005, " "},          {0x200b, ""},           {0x200c, ""},
        {0x200d, ""},           {0xfeff, ""},           {0x2061, ""},
        {0x2062, "\\cdot"},     {0x201c, ""},           {0x201d, ""},
        {0x2018, ""},           {0x00ab, ""},           {0x00bb, ""},
        {0xfe0f, ""},           {0x2004, " "},          {0x2006, " "},
        {0x2007, " "},          {0x2008, " "},
    };
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (map[i].c == c)
            return map[i].s;
    return NULL;
}

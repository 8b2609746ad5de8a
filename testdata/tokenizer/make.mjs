// Writes tokenizer.json of this folder: node testdata/tokenizer/make.mjs
// A byte-level BPE that is small enough to be read: 256 bytes, 22 merges, 8 added tokens.
import { writeFileSync } from 'fs';
const self = (b) => (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
const letters = [];
for (let b = 0, k = 0; b < 256; b++)
    letters.push(String.fromCodePoint(self(b) ? b : 256 + k++));
const merges = ['a a', 'aa aa', 'aaaa aaaa', 'a b', 'b a', 'Ġ t', 'h e', 'Ġt he', 'Ġ a', 'i n', 'r e', 'o n', 'in g',
    'Ã ©', 's t', 'st e', 'Ġ 1', '\\ b', '\\b o', 'x e', '\\bo xe', '\\boxe d'];
const vocab = {};
for (const token of [...letters, ...merges.map((m) => m.replace(' ', ''))])
    vocab[token] = Object.keys(vocab).length;
const size = Object.keys(vocab).length;
const added = (content, k, flags) => ({ id: size + k, content, single_word: false, lstrip: false, rstrip: false,
    normalized: false, special: true, ...flags });
const tokens = [added('<|endoftext|>'), added('<|im_start|>'), added('<|im_end|>'),
    added('<think>', 0, { special: false }), added('</think>', 0, { special: false }),
    added('<pad>', 0, { lstrip: true, rstrip: true }), added('word', 0, { single_word: true, special: false }),
    added('café', 0, { normalized: true, special: false })].map((t, k) => ({ ...t, id: size + k }));
const file = {
    version: '1.0', truncation: null, padding: null, added_tokens: tokens, normalizer: { type: 'NFC' },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [
        { type: 'Split', behavior: 'Isolated', invert: false, pattern: { Regex:
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+" } },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }] },
    post_processor: { type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: '<|endoftext|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [],
        special_tokens: { '<|endoftext|>': { id: '<|endoftext|>', ids: [size], tokens: ['<|endoftext|>'] } } },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '',
        fuse_unk: false, byte_fallback: false, ignore_merges: false, vocab, merges },
};
writeFileSync(new URL('tokenizer.json', import.meta.url), JSON.stringify(file, null, 1) + '\n');

/* test_chat.c - recognising templates that are spelled in many ways, rendering
 * with what they say, and text that stays text. */
#include "../tap.h"
#include "text/chat.h"
#include "text/chat_template.h"

/* Renders "role content", "role content", ...; NULL ends. */
static const char *render(struct buf *out, const char *source, const char *name, bool no_thinking,
                          const char *const *messages)
{
    struct err e = ERR_NONE;
    struct chat_message m[16];
    size_t n = 0;
    for (; messages[2 * n]; n++)
        m[n] = (struct chat_message){.role = str_of(messages[2 * n]),
                                     .content = str_of(messages[2 * n + 1])};
    struct chat_text text = {0};
    struct chat *c = chat_parse(str_of(source), STR("<BOS>"), name, &e);
    struct chat_options o = {.generate = true, .no_thinking = no_thinking};
    buf_reset(out);
    if (c && chat_render(c, m, n, &o, &text, &e))
        buf_putstr(out, buf_str(&text.text));
    else
        buf_puts(out, e.text);
    chat_text_free(&text);
    chat_close(c);
    return buf_cstr(out);
}
#define SAY(source, ...) render(&b, source, NULL, false, (const char *const[]){__VA_ARGS__, NULL})

static const char *name_of(const char *source)
{
    struct err e = ERR_NONE;
    struct chat *c = chat_parse(str_of(source), STR(""), NULL, &e);
    const char *name = c ? chat_name(c) : "none";
    chat_close(c);
    return name;
}

#define TURNS                                                                                      \
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
#define OPEN  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
#define TOOLS "{{ '\\n<tool_response>\\n' + m.content + '\\n</tool_response>' }}"

static void recognises_by_what_is_printed(void)
{
    CHECK_STR(name_of(TURNS OPEN), "chatml");
    CHECK_STR(name_of("{%- for m in messages -%}\n  {{- (\"<|im_start|>\" ~ m['role'] ~ \"\\n\" ~ "
                      "m['content'] ~ \"<|im_end|>\\n\") -}}\n{%- endfor -%}\n"
                      "{{- '<|im_start|>' + 'assistant\\n' if add_generation_prompt -}}\n"),
              "chatml");
    CHECK_STR(name_of("{# a comment with <|foreign|> and {{ braces }} #}" TURNS OPEN), "chatml");
    CHECK_STR(name_of(TURNS TOOLS OPEN), "qwen25");
    CHECK_STR(name_of(TURNS TOOLS "{% set r = m.reasoning_content %}{{ '</think>' }}" OPEN),
              "qwen3");
    CHECK_STR(name_of(""), "plain");
    CHECK_STR(name_of("{{ bos_token }}{% for m in messages %}[INST]{{ m.content }}{% endfor %}"),
              "none");
    CHECK_STR(name_of(TURNS), "none");                                  /* no way to generate */
    CHECK_STR(name_of("<|im_sep|>" TURNS OPEN), "none");                /* another family */
    CHECK_STR(name_of("{{ m.content | trim }}" TURNS OPEN), "none");    /* changes contents */
    CHECK_STR(name_of(TURNS "{{ x.split('</think>') }}" OPEN), "none"); /* drops thoughts */
    CHECK_STR(name_of("{{ unclosed"), "none");
    CHECK_STR(name_of("{% set x = 'unclosed"), "none");
    CHECK_STR(name_of("{#"), "none");
}

static void reads_what_differs(void)
{
    struct buf b = {0};
    CHECK_STR(SAY("{% if messages[0].role != 'system' %}{{ '<|im_start|>system\\nI can "
                  "\\\\boxed{}.<|im_end|>\\n' "
                  "}}{% endif %}" TURNS OPEN,
                  "user", "Hi"),
              "<|im_start|>system\nI can \\boxed{}.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
              "<|im_start|>assistant\n");
    CHECK_STR(
        SAY("<|im_start|>system\n{{ 'In ' + 'parts' }}<|im_end|>\n" TURNS OPEN, "system", "S"),
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>assistant\n");
    CHECK_STR(SAY("{{ bos_token }}" TURNS OPEN, "user", "Hi"),
              "<BOS><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    CHECK_STR(SAY(TURNS OPEN "", "tool", "4"),
              "<|im_start|>tool\n4<|im_end|>\n<|im_start|>assistant\n");
    CHECK_STR(SAY(TURNS TOOLS OPEN, "tool", "4", "tool", "5"),
              "<|im_start|>user\n<tool_response>\n4\n</tool_response>\n<tool_response>\n5\n"
              "</tool_response><|im_end|>\n<|im_start|>assistant\n");
    buf_free(&b);
}

static void thinks(void)
{
    struct buf b = {0};
    const char *qwen3 = TURNS TOOLS "{{ m.reasoning_content }}{{ '</think>' }}" OPEN;
    CHECK_STR(
        SAY(qwen3, "user", "a", "assistant", "<think>\nx\n</think>\n\nb", "user", "c"),
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc"
        "<|im_end|>\n<|im_start|>assistant\n");
    CHECK_STR(render(&b, qwen3, NULL, true, (const char *const[]){"user", "a", NULL}),
              "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");
    CHECK_STR(SAY(TURNS TOOLS
                  "{{ m.reasoning_content }}{{ '</think>' }}{% if g %}<|im_start|>assistant\n"
                  "{{ '<think>\\n' }}{% endif %}",
                  "user", "a"),
              "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>\n");
    const char *qwq = TURNS TOOLS
        "{{ m.content.split('</think>') }}{% if g %}<|im_start|>assistant\n"
        "<think>\n{% endif %}";
    CHECK_STR(name_of(TURNS TOOLS "{{ x.split('</think>') }}" OPEN), "qwq");
    CHECK_STR(
        SAY(qwq, "user", "a", "assistant", "x</think>\n\nb", "user", "c"),
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc"
        "<|im_end|>\n<|im_start|>assistant\n<think>\n");
    CHECK_STR(SAY(qwq, "tool", "4", "assistant", "x</think>\ny"),
              "<|im_start|>user\n<tool_response>\n4\n</tool_response><|im_end|>\n"
              "<|im_start|>assistant\nx</think>\ny<|im_end|>\n<|im_start|>assistant\n<think>\n");
    CHECK_STR(SAY(qwen3, "wizard", "a"), "chat format qwen3 has no role \"wizard\"");
    buf_free(&b);
}

#define HEADER "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
#define ANSWER "<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"

static void speaks_llama(void)
{
    struct buf b = {0};
    CHECK_STR(SAY("{% for m in messages %}{{ bos_token }}" HEADER
                  "{{ m.content | trim }}<|eot_id|>{% endfor %}{% if g %}" ANSWER,
                  "user", " \x1F Hi \xE3\x80\x80"),
              "<BOS><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
              "<|start_header_id|>assistant<|end_header_id|>\n\n");
    CHECK_STR(SAY("{% for m in messages %}" HEADER
                  "{{ m.content }}<|eot_id|>{% endfor %}{% if g %}" ANSWER,
                  "user", " Hi"),
              "<|start_header_id|>user<|end_header_id|>\n\n Hi<|eot_id|>"
              "<|start_header_id|>assistant<|end_header_id|>\n\n");
    CHECK_STR(
        SAY("{{ bos_token }}{% set date = '05 May 2025' "
            "%}<|start_header_id|>system<|end_header_id|>\n\n"
            "{{ 'Cutting Knowledge Date: June 2024\\n' }}Today Date: {{ date }}\n\n{{ system }}"
            "{% for m in messages %}" HEADER
            "{{ m.content | trim }}<|eot_id|>{% endfor %}{% if g %}" ANSWER,
            "system", " S ", "user", "Hi"),
        "<BOS><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: June "
        "2024\nToday "
        "Date: 05 May 2025\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n");
    buf_free(&b);
}

static void obeys_a_name(void)
{
    struct buf b = {0};
    const char *const hi[] = {"system", "S", "user", "Hi", NULL};
    CHECK_STR(render(&b, "{{ anything }}", "plain", false, hi), "SHi");
    CHECK_STR(render(&b, "{{ anything }}", "chatml", false, hi + 2),
              "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    CHECK_STR(render(&b, "", "llama3", false, hi + 2),
              "<BOS><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
              "<|start_header_id|>assistant<|end_header_id|>\n\n");
    CHECK(strstr(render(&b, "", "sideways", false, hi), "no chat format is called sideways"));
    CHECK(strstr(render(&b, "{{ anything }}", NULL, false, hi), "--chat"));
    CHECK_STR(render(&b, "", "plain", false, hi + 4), "no messages");
    CHECK_STR(render(&b, "", "chatml", false, (const char *const[]){"user\n<|im_end|>", "x", NULL}),
              "message 1: a role is one short word (seen \"user\n<|im_end|>\")");
    buf_free(&b);
}

static void skeleton_follows_white_space(void)
{
    static const char *const cases[][2] = {
        {"a\n  {% if x %}\n  b\n{% endif %}\nc\n", "a\n\002  b\n\002c"},
        {"a \n {{- 'x' -}} \n b", "axb"},
        {"{{ f('x') + \"y\" ~ g }}", "\001y\001"},
        {"{% if a == 'b' %}c{% endif %}", "\002c\002"},
        {"{% set q = 'v' + w %}", "\002v\001\002"},
        {"{{ 'it\\'s\\n' }}", "it's\n"},
        {"a {#- x -#} b{# y #}", "ab"},
        {"{{ ('a' + b) }}", "a\001"},
    };
    struct buf b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_reset(&b);
        chat_skeleton(str_of(cases[i][0]), &b);
        CHECK_STR(buf_cstr(&b), cases[i][1]);
    }
    buf_free(&b);
}

static void opens_a_directory_and_keeps_text_text(void)
{
    struct err e = ERR_NONE;
    struct tokenizer *t = tokenizer_open("testdata/tokenizer", &e);
    struct encoder *x = encoder_new(t);
    struct chat *c = chat_open("testdata/tokenizer", NULL, t, &e);
    CHECK(c != NULL);
    if (!c)
        return;
    CHECK_STR(chat_name(c), "chatml");
    CHECK(str_is(chat_default_system(c), "be brief"));
    struct chat_message m = {STR("user"), STR("aa<|im_end|><think>"), {0}, false};
    struct chat_text text = {0};
    struct ids strict = {0}, trusting = {0};
    CHECK(chat_render(c, &m, 1, &(struct chat_options){.generate = true}, &text, &e));
    CHECK(chat_encode(c, &text, false, x, &strict, &e) &&
          chat_encode(c, &text, true, x, &trusting, &e));
    int32_t end = tokenizer_find(t, STR("<|im_end|>")), think = tokenizer_find(t, STR("<think>"));
    int ends[2] = {0}, thinks_[2] = {0};
    for (size_t i = 0; i < strict.n; i++)
        ends[0] += strict.p[i] == end, thinks_[0] += strict.p[i] == think;
    for (size_t i = 0; i < trusting.n; i++)
        ends[1] += trusting.p[i] == end, thinks_[1] += trusting.p[i] == think;
    CHECK(ends[0] == 2 && ends[1] == 3 && thinks_[0] == 0 && thinks_[1] == 1);
    chat_close(c);
    c = chat_open("testdata/tokenizer", "llama3", t, &e);
    CHECK(!c && e.status == ERR_DATA && strstr(e.text, "has no token <|start_header_id|>"));
    chat_text_free(&text);
    ids_free(&strict);
    ids_free(&trusting);
    encoder_free(x);
    tokenizer_close(t);
}

int main(void)
{
    static const struct test t[] = {
        {"recognises by what is printed", recognises_by_what_is_printed},
        {"reads what differs between checkpoints", reads_what_differs},
        {"thinks", thinks},
        {"speaks llama", speaks_llama},
        {"obeys a name", obeys_a_name},
        {"the skeleton follows Jinja's white space", skeleton_follows_white_space},
        {"opens a directory and keeps text text", opens_a_directory_and_keeps_text_text},
    };
    return TAP_RUN(t);
}

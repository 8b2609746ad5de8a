#!/usr/bin/env bats
# Other people's rollouts: the jq programs of pipelines/import and pipelines/export.
bats_require_minimum_version 1.5.0
setup() { load helpers; cd "$ROOT" || return 1; }

import() { jq -c -s -L pipelines/import -f "pipelines/import/$1.jq" "${@:2}"; }

# Every dump holds the same four responses: right; right but called wrong by the dump (4/2 for 2); wrong; no answer.
autopsy() { # autopsy: groups on standard input
    gcpo-verify -o "$T/judged"
    gcpo-stat --json "$T/judged" | jq -e '.contrast == {"mixed": 0, "all_wrong": 1, "all_right": 1, "unscorable": 0, "all_truncated": 0}
        and .responses.correct == 2 and .responses.wrong == 1 and .responses.no_answer == 1 and .groups == 2'
    zstdcat "$T/judged" | jq -c -L pipelines/import -f pipelines/import/differ.jq > "$T/differ"
    jq -se 'length == 1 and .[0].verdict == "correct" and .[0].dump == "wrong" and .[0].extracted == "\\frac{4}{2}"' "$T/differ"
    gcpo-stat "$T/judged" > "$T/table"
    grep -q 'all wrong *1 ' "$T/table"
}

@test "verl's dump" {
    import verl testdata/dumps/verl-7.jsonl > "$T/groups"
    jq -se 'length == 2 and all(.round == 7) and .[0].prompt == "user\n1+1?\nassistant\n"' "$T/groups"
    autopsy < "$T/groups"
    import verl --slurpfile data testdata/dumps/prompts.jsonl testdata/dumps/verl-7.jsonl | jq -se '[.[].id] == ["add", "sub"] and .[1].gold != null'
}

@test "TRL's logged completions, with answers from the prompt file" {
    import trl --arg reward accuracy_reward --slurpfile data testdata/dumps/prompts.jsonl testdata/dumps/trl.jsonl > "$T/groups"
    jq -se '[.[].id] == ["add", "sub"] and .[0].responses[0].dump_advantage == 0.7071 and .[0].round == 10' "$T/groups"
    autopsy < "$T/groups"
    # conversational, the answer in a column, the reward column found
    jq -c '.prompt = [{role: "user", content: .prompt}] | .completion = [{role: "assistant", content: .completion}] | .answer = (if .prompt[0].content | test("1.1") then 2 else 3 end)' \
        testdata/dumps/trl.jsonl | import trl > "$T/groups"
    jq -se 'all(.messages[0].role == "user")' "$T/groups"
    autopsy < "$T/groups"
}

@test "OpenRLHF's batch inference, with and without rewards" {
    import openrlhf --slurpfile data testdata/dumps/prompts.jsonl testdata/dumps/openrlhf.jsonl > "$T/groups"
    autopsy < "$T/groups"
    jq -c 'del(.reward)' testdata/dumps/openrlhf.jsonl | import openrlhf --slurpfile data testdata/dumps/prompts.jsonl | gcpo-verify | zstdcat |
        jq -c -L pipelines/import -f pipelines/import/differ.jq | { ! grep .; }
}

@test "prime-rl's rollouts, with their token ids" {
    import prime-rl --argjson step 7 testdata/dumps/prime-rl.jsonl > "$T/groups"
    jq -se '[.[].id] == ["sums/4", "sums/9"] and all(.round == 7) and .[0].prompt_tokens == [1, 2] and .[0].responses[1].logprobs == [-1, -0.125]
        and .[1].responses[1].finish == "length"' "$T/groups"
    autopsy < "$T/groups"
}

@test "open-instruct's rollouts: ids only, spelled out by gcpo-model" {
    # made with the tokenizer of the test model, since the format holds nothing but ids
    ids() { jq -cn --arg s "$(printf %s "$1" | gcpo-model encode testdata/model)" '$s | split(" ") | map(tonumber)'; }
    row() { # row SAMPLE PROMPT_IDX REWARD FINISH TRUTH PROMPT RESPONSE
        jq -cn --argjson s "$1" --argjson i "$2" --argjson r "$3" --arg f "$4" --argjson g "$5" --argjson p "$(ids "$6")" --argjson o "$(ids "$7")" \
            '{step: 3, sample_idx: $s, prompt_idx: $i, prompt_tokens: $p, response_tokens: $o, reward: $r, advantage: 0, finish_reason: $f, dataset: "sums",
              ground_truth: $g, request_info: null, logprobs: ($o | map(-0.5))}'
    }
    { row 0 0 10 stop '["2"]' '1+1?' $'1+1=2\n\\boxed{2}'; row 1 0 0 stop '["2"]' '1+1?' 'It is \boxed{\frac{4}{2}}'
      row 3 1 0 length "$(ids 3)" '9-4-2?' 'I do not know how to begin.'; row 2 1 0 stop "$(ids 3)" '9-4-2?' 'I think \boxed{4}'; } > "$T/dump"
    import open-instruct "$T/dump" | gcpo-model decode --records testdata/model > "$T/groups"
    jq -se '[.[].prompt] == ["1+1?", "9-4-2?"] and [.[].answer] == ["2", "3"] and .[1].responses[1].text == "I do not know how to begin."
        and .[1].responses[1].finish == "length" and (.[0].responses[0] | (.tokens | length) == (.logprobs | length))' "$T/groups"
    autopsy < "$T/groups"
}

@test "golds for LUFFY: the columns of its training data, a target for each group with a gold" {
    jq -c '.responses = [{text: "w", finish: "stop"}, {text: "w", finish: "stop"}]' testdata/dumps/prompts.jsonl | gcpo-verify |
        gcpo-inject-gold | zstdcat > "$T/groups"
    jq -c -L pipelines/export -f pipelines/export/luffy.jq "$T/groups" > "$T/luffy"
    jq -se 'length == 2 and all(keys == ["ability", "data_source", "extra_info", "prompt", "reward_model", "target"])
        and .[0].target == [{"role": "assistant", "content": "1+1=2\n\\boxed{2}"}] and .[0].prompt == [{"role": "user", "content": "1+1?"}]
        and .[1].reward_model == {"style": "rule", "ground_truth": "3"} and .[0].extra_info.id == "add"' "$T/luffy"
    jq -c '.prompt += "<think>\n"' "$T/groups" | gcpo-inject-gold --gold-think wrap | zstdcat | jq -c -L pipelines/export -f pipelines/export/luffy.jq |
        jq -se 'all(.target[0].content | startswith("<think>\n") and contains("</think>"))'
    gcpo-inject-gold --undo "$T/groups" | zstdcat | jq -c -L pipelines/export -f pipelines/export/luffy.jq | { ! grep .; }
}

@test "prompts for verl: the columns of its training data, golds beside them" {
    jq -c -L pipelines/export -f pipelines/export/verl.jq testdata/dumps/prompts.jsonl > "$T/verl"
    jq -se 'length == 2 and all(has("data_source") and has("ability")) and .[0].reward_model.ground_truth == "2" and .[1].extra_info.gold == "9-4=5\n5-2=3\n\\boxed{3}"
        and .[1].messages[-1] == {"role": "assistant", "content": "9-4=5\n5-2=3\n\\boxed{3}"}' "$T/verl"
    jq -c 'del(.gold) | .messages = [{role: "user", content: .prompt}] | del(.prompt)' testdata/dumps/prompts.jsonl |
        jq -c -L pipelines/export -f pipelines/export/verl.jq | jq -se 'all(.prompt[0].role == "user" and (has("messages") | not))'
}

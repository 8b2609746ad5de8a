# prime-rl.jq - rollouts that prime-rl saved (rollouts/step_N/train_rollouts.jsonl): lines with example_id, task or env_name,
# prompt and completion as messages, answer, reward, and where kept the token ids of each turn.
#
#   jq -c -s -L pipelines/import -f pipelines/import/prime-rl.jq --argjson step 7 train_rollouts.jsonl | gcpo-verify | gcpo-stat
include "common";
def turn: if (.trajectory | length) == 1 then .trajectory[0].tokens else null end;
def ids: turn as $t | if $t.completion_ids == null then {} else
    {tokens: $t.completion_ids} + (if $t.completion_logprobs == null then {} else {logprobs: $t.completion_logprobs} end) end;
group_by([(.env_name // .task // ""), (.group_id // .example_id // .prompt)])[]
| (.[0].prompt | text_of) as $prompt
| {answer: (.[0].answer // .[0].info.answer // "" | answer_text)} + answer_of($prompt)
  + (if .[0].example_id == null then {} else {id: "\(.[0].env_name // .[0].task // "")/\(.[0].example_id)" | ltrimstr("/")} end)
  + (if (.[0].prompt | type) == "array" then {messages: .[0].prompt} else {prompt: $prompt} end)
  + {round: ($ARGS.named.step // .[0].step // 0)}
  + (if (.[0] | turn.prompt_ids) == null then {} else {prompt_tokens: (.[0] | turn.prompt_ids)} end)
  + {responses: [.[] | {text: (.completion | content), source: "policy", finish: (if .is_truncated then "length" else "stop" end), dump_reward: .reward} + ids]}

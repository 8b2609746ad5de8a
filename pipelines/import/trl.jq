# trl.jq - completions that TRL's GRPO trainer logged (log_completions): columns step, prompt, completion, one for each
# reward function, advantage.  Parquet becomes lines first:
#
#   duckdb -c "COPY (SELECT * FROM 'completions/*.parquet') TO 'trl.jsonl'"
#   jq -c -s -L pipelines/import -f pipelines/import/trl.jq --arg reward accuracy_reward --slurpfile data prompts.jsonl trl.jsonl |
#       gcpo-verify | gcpo-stat
#
# --arg reward: the column that says right or wrong; default: the first that is none of the above.
include "common";
def reward_column: $ARGS.named.reward //
    (keys_unsorted - ["step", "prompt", "completion", "advantage", "answer", "solution", "ground_truth", "images"] | .[0]) // "reward";
group_by([.step, .prompt])[]
| (.[0].prompt | text_of) as $prompt
| {answer: (.[0] | .answer // .solution // .ground_truth // "" | answer_text)} + answer_of($prompt)
  + (if (.[0].prompt | type) == "array" then {messages: .[0].prompt} else {prompt: $prompt} end)
  + {round: (.[0].step // 0 | floor), responses: [.[] | {text: (.completion | content), source: "policy", dump_reward: .[reward_column], dump_advantage: .advantage}]}

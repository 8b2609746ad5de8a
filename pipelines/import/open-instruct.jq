# open-instruct.jq - rollouts that open-instruct saved (save_traces): RUN_rollouts_000000.jsonl with step, prompt_idx,
# sample_idx, prompt_tokens, response_tokens, logprobs, reward, advantage, finish_reason, ground_truth.
#
# There is no text in them: gcpo-model writes it, with the tokenizer of the model that sampled.
#
#   jq -c -s -L pipelines/import -f pipelines/import/open-instruct.jq run_rollouts_*.jsonl |
#       gcpo-model decode --records MODEL | gcpo-verify | gcpo-stat
include "common";
group_by([.step, .prompt_idx])[] | sort_by(.sample_idx)
| {id: "\(.[0].dataset // "open-instruct")/\(.[0].step)/\(.[0].prompt_idx)", round: .[0].step, answer: (.[0].ground_truth | answer_text),
   prompt_tokens: .[0].prompt_tokens,
   responses: [.[] | {tokens: .response_tokens} + (if .logprobs == null then {} else {logprobs} end) +
       {finish: (if .finish_reason == "length" then "length" else "stop" end), source: "policy", dump_reward: .reward, dump_advantage: .advantage}]}
| if (.answer | startswith("[")) then .answer |= fromjson else . end

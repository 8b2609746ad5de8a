# openrlhf.jq - what OpenRLHF's batch_inference writes (--eval_task generate_vllm, rm): lines with input, output and, from
# the second on, reward.
#
#   jq -c -s -L pipelines/import -f pipelines/import/openrlhf.jq --slurpfile data prompts.jsonl out.jsonl | gcpo-verify | gcpo-stat
include "common";
group_by(.input)[]
| {prompt: .[0].input, answer: ""} + answer_of(.[0].input)
  + {responses: [.[] | {text: .output, source: "policy"} + (if .reward == null then {} else {dump_reward: .reward} end)]}

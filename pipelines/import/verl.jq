# verl.jq - a dump of verl (trainer.rollout_data_dir or validation_data_dir): STEP.jsonl with input, output, gts, score, step.
#
#   jq -c -s -L pipelines/import -f pipelines/import/verl.jq 7.jsonl | gcpo-verify | gcpo-stat
include "common";
group_by([.step, .input])[]
| {prompt: .[0].input, answer: (.[0].gts | answer_text), round: (.[0].step // 0)} + (answer_of(.[0].input) | del(.answer))
  + {responses: [.[] | {text: .output, source: "policy", dump_reward: (if .acc == null then .score else .acc end | if type == "boolean" then (if . then 1 else 0 end) else . end)}]}

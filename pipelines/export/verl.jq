# verl.jq - prompts as training data of verl's RL trainers: data_source, prompt, ability, reward_model, extra_info.
#
#   zstdcat groups.jsonl.zst | jq -c -L pipelines/export -f pipelines/export/verl.jq > verl.jsonl
#   duckdb -c "COPY (SELECT * FROM read_json_auto('verl.jsonl')) TO 'verl.parquet'"
#
# A gold, if there is one, stands in extra_info.gold, and as messages for verl's SFT trainer (data.multiturn).
include "common";
gold_text as $gold
| row(input_line_number)
| if $gold == null then . else .extra_info.gold = $gold | .messages = .prompt + [{role: "assistant", content: $gold}] end

# luffy.jq - groups with golds as training data of LUFFY: data_source, prompt, target, ability, reward_model, extra_info.
#
#   gcpo-inject-gold --when always groups.jsonl.zst | zstdcat | jq -c -L pipelines/export -f pipelines/export/luffy.jq > luffy.jsonl
#   duckdb -c "COPY (SELECT * FROM read_json_auto('luffy.jsonl')) TO 'luffy.parquet'"
#
# Only groups that hold a gold row: --when always gives one to all that have a usable gold, all-wrong to those that need it.
# A target that closes a thought is given the <think> that LUFFY expects in front of it.
include "common";
select(any(.responses[]?; .source == "gold"))
| gold_text as $gold
| row(input_line_number) + {target: [{role: "assistant", content: (
      if ($gold | contains("</think>")) and ($gold | contains("<think>") | not) then "<think>\n" + ($gold | ltrimstr("\n")) else $gold end)}]}

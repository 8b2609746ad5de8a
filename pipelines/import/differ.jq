# differ.jq - of judged groups from a dump: the responses whose verdict is not what the dump's reward says.
#
#   zstdcat judged.jsonl.zst | jq -c -L pipelines/import -f pipelines/import/differ.jq
#
# "dump" is right where its reward is above 0.  Verdict correct and dump wrong: suspected false negatives of their verifier.
.id as $id | .answer as $answer | .responses | to_entries[]
| .key as $sample | .value | select(.dump_reward != null and (.verdict | IN("correct", "wrong", "no-answer")))
| select((.verdict == "correct") != (.dump_reward > 0))
| {id: $id, sample: $sample, verdict, dump: (if .dump_reward > 0 then "right" else "wrong" end), dump_reward, answer: $answer, extracted, end: .text[-80:]}

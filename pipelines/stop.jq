# stop.jq - why a run is to stop, a line for each rule that holds; nothing if none does.
#
# inputs: metrics of the last window steps (to step $k), then evaluations of DEV up to step $k
# --arg mean, patience, entropy, length, wrong: the rules' limits, empty: no rule
# --slurpfile wrong_rows: of the same steps, from wrong.jq
def average: if length == 0 then null else add / length end;
def four: . * 1e4 | round / 1e4;
[inputs | {file: input_filename, line: .}] as $all
| [$all[] | select(.file | endswith("metrics.jsonl")).line] as $steps
| [$all[] | select(.file | endswith(".json")) | {
      step: (.file | sub(".*/0*(?<n>[0-9]+)[.]json"; .n) | tonumber),
      mean: ((.line.all // .line).mean.value)}] as $evals
| ($steps | length) as $n
| ([$steps[] | .policy.entropy] | map(select(. != null)) | average) as $mean_entropy
| ([$steps[] | .tokens.responses / ([.rows.all, 1] | max)] | average) as $mean_length
| ((($wrong_rows | map(.logp) | add) // 0) / ([$wrong_rows | map(.tokens) | add // 0, 1] | max)) as $wrong_logp
| ($evals | max_by([.mean, -.step])) as $best
| ($evals | max_by(.step)) as $latest
| (if $mean != "" and $latest and $latest.step == $k and $latest.mean >= ($mean | tonumber)
   then "mean@k on DEV is \($latest.mean | four), at least \($mean)" else empty end),
  (if $patience != "" and $best and ([$evals[] | select(.step > $best.step)] | length) >= ($patience | tonumber)
   then "\($patience) evaluations without a better one than step \($best.step)'s" else empty end),
  (if $n < $window then empty
   else
     (if $entropy != "" and $mean_entropy != null and $mean_entropy < ($entropy | tonumber)
      then "entropy is \($mean_entropy | four), below \($entropy) (mean of \($n) steps)" else empty end),
     (if $length != "" and $mean_length != null and $mean_length > ($length | tonumber)
      then "responses have \($mean_length | four) tokens, above \($length) (mean of \($n) steps)" else empty end),
     (if $wrong != "" and ($wrong_rows | length) > 0 and $wrong_logp < ($wrong | tonumber)
      then "wrong responses have a mean log-probability of \($wrong_logp | four), below \($wrong) (of \($n) steps)" else empty end)
   end)

# band.jq - the ids whose solve rate is in a band, LOW:HIGH; input: lines of gcpo-stat --per-id --json.
($band | split(":") | map(tonumber)) as [$low, $high]
| reduce inputs as $l ({}; .[$l.id] = [$l.correct + $l.correct_before, $l.scorable + $l.scorable_before])
| to_entries[] | select(.value[1] > 0 and (.value[0] / .value[1] | . >= $low and . <= $high)) | {id: .key}

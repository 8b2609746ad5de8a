# costs.jq - what a group cost: [rollouts, tokens sampled, tokens trained, golds, tokens scored].
#
#   zstdcat RUN/step-*/rollouts.jsonl.zst | jq -c --arg of sampling -f costs.jq
#   zstdcat RUN/step-*/step.jsonl.zst | jq -c --arg of training -f costs.jq       (of nll: only golds have a gradient)
#
# A group's prompt goes through the network once.  Of an update only rows that have a gradient count; a gold's old
# log-probabilities take one more forward pass where the loss needs them.
def tokens: map(.tokens | length) | add // 0;
(.responses // []) as $responses |
if $of == "sampling" then
    [($responses | length), if $responses == [] then 0 else (.prompt_tokens | length) + ($responses | tokens) end, 0, 0, 0]
else
    [$responses[] | select(if $of == "nll" then .source == "gold" else .advantage != 0 end)] as $rows |
    [$rows[] | select(.source == "gold")] as $golds |
    [0, 0, if $rows == [] then 0 else (.prompt_tokens | length) + ($rows | tokens) end, ($golds | length),
     if $of == "nll" then 0 else $golds | tokens end]
end

# wrong.jq - of a step's groups: the log-probability that the policy gave its wrong responses.
.responses[] | (.replaced // .) | select(.verdict == "wrong" or .verdict == "no-answer")
| select(.logprobs | length > 0) | {logp: (.logprobs | add), tokens: (.logprobs | length)}

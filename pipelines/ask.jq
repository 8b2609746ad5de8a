# ask.jq - a group that is all wrong as a prompt for a teacher.
# --argjson hint 0 or 1; --arg text: the hint, in which ANSWER stands for the answer
with_entries(select(.key | IN("id", "prompt", "messages", "system", "answer", "verifier")) | select(.value != null))
| if $hint == 0 then . else
      (.answer | tostring) as $answer
      | ("\n\n" + ($text | split("ANSWER") | join($answer))) as $told
      | .asked_as = ({prompt, messages} | with_entries(select(.value != null)))
      | if .messages then .messages[-1].content += $told else .prompt += $told end
  end

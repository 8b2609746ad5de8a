# group.jq - one injected group, before and after, for a terminal.
def pad($n): tostring | . + " " * ($n - length);
def flat: gsub("\n"; "  ");
"  prompt  " + (.prompt | rtrimstr("\n")) + "    answer  " + .answer,
"",
"  before     after      advantage  response",
(.responses[]
 | "  " + (.replaced.verdict // .verdict | pad(11))
   + (if .source == "gold" then "gold" else .verdict end | pad(11))
   + (.advantage * 10000 | round / 10000 | pad(11))
   + (.text | flat)),
(.responses[] | select(.source == "gold")
 | "", "  the gold took the place of  " + (.replaced.text | flat))

# common.jq - what the importers share.

# Answers by prompt, where a dump has none: --slurpfile data prompts.jsonl, records with prompt (or messages) and answer.
# A dump shows prompts as the chat template rendered them: the one that is part of it is meant, the longest of several.
def data: $ARGS.named.data // [];
def question: .prompt // ([.messages[]? | select(.role == "user").content] | last) // "";
def known($prompt):
    (first(data[] | select(question == $prompt)) //
     ([data[] | question as $q | select($q != "" and ($prompt | contains($q)))] | max_by(question | length))) // {};
def answer_of($prompt): known($prompt) | {id, answer, gold} | with_entries(select(.value != null));

# A chat's text, or messages.
def content: if type == "array" then [.[] | select(.role != "user" and .role != "system") | .content // ""] | join("\n") else . end;
def text_of: if type == "array" then [.[].content // ""] | join("\n") else tostring end;

# Data sets write answers as text, number, or a list with one of them.
def answer_text: if type == "array" and length > 0 and (.[0] | type) != "number" then .[0] | answer_text
                 elif type == "string" or . == null then . else tostring end;

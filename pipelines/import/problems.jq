# problems.jq - rows of data sets as records: GSM8K, MATH, DAPO-Math and others in verl's form, records as they are.
#
#   jq -c --arg name gsm8k-train -f pipelines/import/problems.jq train.jsonl
#
# name: the ids' first part, where the data have none.
def trim: sub("^\\s+"; "") | sub("\\s+$"; "");
# DAPO-Math wraps each problem into a request for a last line "Answer: ...".
def unwrapped:
    sub("^Solve the following math problem step by step\\.[^\n]*\n+"; "")
    | sub("\n+Remember to put your answer on its own line after \"Answer:\"\\.\\s*$"; "") | trim;
def id($own): {id: "\($name)/\($own // (input_line_number - 1))"};
if .question and ((.answer // "") | tostring | contains("####")) then        # GSM8K: the working, ####, the answer
    (.answer | split("####")) as [$working, $answer]
    | ($answer | trim | gsub(","; "")) as $a
    | id(null) + {prompt: .question, answer: $a, gold: (($working | gsub("<<[^>]*>>"; "") | trim) + "\nThe answer is \\boxed{" + $a + "}.")}
elif .reward_model.ground_truth then                                            # verl
    id(.extra_info.index) + {prompt: ((.prompt | if type == "array" then map(select(.role == "user").content) | last else . end) | unwrapped),
        answer: (.reward_model.ground_truth | if type == "array" then .[0] else . end | tostring)}
elif .problem then                                                           # MATH: the answer stands in the solution's box
    id(.unique_id) + {prompt: .problem, answer: (.answer // .solution)} + (if .solution then {gold: .solution} else {} end)
else . end

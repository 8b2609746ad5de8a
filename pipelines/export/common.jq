# common.jq - what the exporters share.
def gold_text: first(.responses[]? | select(.source == "gold").text) // .gold;
def chat: (if .system then [{role: "system", content: .system}] else [] end) + (.messages // [{role: "user", content: .prompt}]);
# "gsm8k/train/17" came from gsm8k
def source: (.id // "gcpo" | split("/")[0]);
def row($index): {data_source: source, prompt: chat, ability: "math", reward_model: {style: "rule", ground_truth: .answer},
                  extra_info: {split: "train", index: $index, id: (.id // "")}};

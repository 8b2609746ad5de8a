# r1-plan.jq - what a run will take, computed.
#
# $config: the model's config.json   $here: {sample, score}, tokens/s of one layer of its shape   $o: the run's sizes
#
# Operations per token: 2 for each weight of a product, head included, and attention's 4 x heads x head size for each position
# before it.  An update is three times a forward pass.  Sampling is bound by memory too: a step reads the weights once for all
# sequences, and each sequence's keys and values.
def si($unit): . as $v | (if $v >= 1e12 then [1e12, "T"] elif $v >= 1e9 then [1e9, "G"] elif $v >= 1e6 then [1e6, "M"] elif $v >= 1e3 then [1e3, "k"] else [1, ""] end)
    as [$s, $p] | "\($v / $s * 100 | round / 100) \($p)\($unit)";
def duration: if . < 120 then "\(. * 10 | round / 10) s" elif . < 7200 then "\(. / 6 | round / 10) min" elif . < 172800 then "\(. / 360 | round / 10) h"
    else "\(. / 8640 | round / 10) days" end;
def line($name; $value): "  \($name)\(" " * (28 - ($name | length)))\($value)";

$config[0] as $c
| ($c.head_dim // ($c.hidden_size / $c.num_attention_heads)) as $hd
| ($c.num_attention_heads * $hd) as $q | ($c.num_key_value_heads * $hd) as $kv
| ($c.hidden_size * ($q + 2 * $kv) + $q * $c.hidden_size + 3 * $c.hidden_size * $c.intermediate_size) as $layer
| ($c.vocab_size * $c.hidden_size) as $head
| (if $c.model_type == "qwen2" then $q + 2 * $kv else 0 end) as $bias
| (($layer + $bias + 2 * $c.hidden_size) * $c.num_hidden_layers + $c.hidden_size + $head * (if $c.tie_word_embeddings then 1 else 2 end)) as $params
| (if ($c.torch_dtype // $c.dtype) == "float32" then 4 else 2 end) as $width
| ($params * $width) as $weights
# of a token that has $context positions before it
| def flops($context): 2 * ($layer * $c.num_hidden_layers + $head) + 4 * $q * $context * $c.num_hidden_layers;
  ($o.steps * $o.per_step * $o.n * $o.mean_tokens) as $trained
| ($o.evals * $o.dev * $o.eval_n * $o.mean_tokens) as $evaluated
| (2 * $o.test * $o.test_n * $o.test_mean) as $tested
| flops($o.mean_tokens / 2) as $per_token
# one layer was measured: 8 sequences of 32 tokens, no head to speak of
| (2 * $layer) as $layer_flops
| ($here.sample * $layer_flops / $per_token) as $sample_here
| ($here.score * $layer_flops / $per_token) as $score_here
| (2 * $kv * $c.num_hidden_layers) as $kv_values
| ($kv_values * 2) as $kv_gpu | ($kv_values * 4) as $kv_here
# sequences that fit beside the weights on a tenth less than the GPU's memory
| ([($o.gpu.bytes * 0.9 - $weights) / ($kv_gpu * $o.max_tokens) | floor, 1] | max) as $fit
| ([$fit, $o.per_step * $o.n] | min) as $batch
| ($weights + $batch * $kv_gpu * $o.mean_tokens / 2) as $read
| ([$read / ($o.gpu.bytes_s * $o.gpu.mbu), $batch * $per_token / ($o.gpu.flops * $o.gpu.mfu)] | max) as $gpu_step
| ($batch / $gpu_step) as $sample_gpu
| (3 * $per_token / ($o.gpu.flops * $o.gpu.mfu)) as $update_gpu
| {sample_here: ($trained / $sample_here), update_here: ($trained * 3 / $score_here), test_here: (($evaluated + $tested) / $sample_here),
   sample_gpu: ($trained / $sample_gpu), update_gpu: ($trained * $update_gpu), test_gpu: (($evaluated + $tested) / $sample_gpu)} as $t
# masters, moments and gradients in f32 beside the weights (none of the first where these are f32)
| ($weights + (if $width == 2 then 16 else 12 end) * $params) as $update_memory
| ($weights + ([$o.per_step * $o.n, 32] | min) * $kv_here * $o.max_tokens) as $rollout_memory
| ($params * (if $width == 2 then 12 else 8 end)) as $state
| ($o.keep * $weights + $weights + ((if $o.save_state > 0 then ($o.steps / $o.save_state | floor) else 0 end) + 1) * $state) as $checkpoints
# per token in a stream: an id, a log-probability, the text
| ($o.steps * $o.per_step * $o.n * $o.mean_tokens * 12 * 2) as $records
| "model\n" + line("parameters"; $params | si("")) + "\n" + line("weights"; $weights | si("B")) + "\n" + line("operations per token"; $per_token | si("FLOP"))
+ "\n\nassumed\n" + line("tokens per response"; "\($o.mean_tokens) in training, \($o.test_mean) in the test")
+ "\n" + line("this machine, one layer"; "\($here.sample | round) tokens/s sampled, \($here.score | round) scored (measured)")
+ "\n" + line("GPU"; "\($o.gpu.mfu * 100)% of \($o.gpu.flops | si("FLOP/s")), \($o.gpu.mbu * 100)% of \($o.gpu.bytes_s | si("B/s"))")
+ "\n\nwork\n" + line("training"; "\($o.steps) steps of \($o.per_step) prompts with \($o.n) responses: \($trained | si("tokens"))")
+ "\n" + line("evaluation"; "\($o.evals) times \($o.dev) prompts with \($o.eval_n): \($evaluated | si("tokens"))")
+ "\n" + line("test, two models"; "\($o.test) prompts with \($o.test_n) responses: \($tested | si("tokens"))")
+ "\n\ntime                          this machine    one GPU of \($o.gpu.bytes | si("B"))\n"
+ ([["sampling", $t.sample_here, $t.sample_gpu], ["updates", $t.update_here, $t.update_gpu], ["evaluation and test", $t.test_here, $t.test_gpu],
     ["together", $t.sample_here + $t.update_here + $t.test_here, $t.sample_gpu + $t.update_gpu + $t.test_gpu]]
   | map("  \(.[0])\(" " * (28 - (.[0] | length)))\(.[1] | duration)\(" " * (16 - (.[1] | duration | length)))\(.[2] | duration)") | join("\n"))
+ "\n" + line("tokens/s sampled"; "\($sample_here * 100 | round / 100)\(" " * ([16 - ("\($sample_here * 100 | round / 100)" | length), 1] | max))\($sample_gpu | round) (\($batch) sequences at a time)")
+ "\n\nmemory\n" + line("rollout, 32 sequences"; $rollout_memory | si("B"))
+ "\n" + line("update, without activations"; "\($update_memory | si("B"))\(if $update_memory > $o.memory then ": more than this machine's \($o.memory | si("B"))" else "" end)")
+ "\n\ndisk\n" + line("weights and states kept"; $checkpoints | si("B")) + "\n" + line("records"; "\($records | si("B")) at most")

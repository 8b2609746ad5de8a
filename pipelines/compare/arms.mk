# arms.mk - what the arms of the comparison are: a method of algo/ and settings of train.mk.
# For arm.mk, which knows ARM and P, and for compare.mk.

arms := sft-all sft-hard sft-dapo grpo dapo-loss dapo gspo gcpo gcpo-no-negatives gcpo-token gcpo-always gcpo-placebo
style_arms := gcpo-foreign gcpo-long gcpo-bare sft-foreign sft-long sft-bare gcpo-noise dapo-loss-noise

algo.sft-all           := sft
algo.sft-hard          := sft
algo.sft-dapo          := dapo-loss
algo.gcpo-no-negatives := gcpo
algo.gcpo-token        := gcpo
algo.gcpo-always       := gcpo
algo.gcpo-placebo      := gcpo
algo.gcpo-foreign      := gcpo
algo.gcpo-long         := gcpo
algo.gcpo-bare         := gcpo
algo.gcpo-noise        := gcpo
algo.sft-foreign       := sft
algo.sft-long          := sft
algo.sft-bare          := sft
algo.dapo-loss-noise   := dapo-loss
algo = $(or $(algo.$(ARM)),$(ARM))

# Golds of every prompt need no rollouts.
alone = N=0
set.sft-all           = $(alone)
set.sft-foreign       = $(alone)
set.sft-long          = $(alone)
set.sft-bare          = $(alone) INJECT='--when always --allow-bare-gold'
# The wrong rows beside a gold teach nothing: is it the contrast?
set.gcpo-no-negatives = UPDATE='--gold-negatives 0'
set.sft-hard          = INJECT='--when all-wrong'
set.gcpo-token        = UPDATE='--ratio token'
set.gcpo-always       = INJECT='--when always'
set.gcpo-placebo      = INJECT='--when all-wrong --gold $P/placebo.jsonl'
set.gcpo-bare         = INJECT='--when all-wrong --allow-bare-gold'
# 1 right response of 20 is called wrong.
set.gcpo-noise        = EDIT='zstdcat | awk -v share=0.05 -f $(HERE)/noise.awk'
set.dapo-loss-noise   = $(set.gcpo-noise)

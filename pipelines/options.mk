# options.mk - what train.mk and replay.mk share: parameters as options of the programs, and copies of folders.
include $(HERE)/defaults.mk

# $1: responses per prompt  $2: seed
rollout_options = $(strip -n $1 --max-tokens $(MAX_TOKENS) --temperature $(TEMPERATURE) --top-p $(TOP_P) -s $2 -j $(THREADS) \
                  $(if $(MEMORY),--memory $(MEMORY)) $(ROLLOUT))
update_options  = $(strip --algo $(or $(PRESET),$(ALGO)) --lr $(LR) --warmup $(WARMUP) --decay $(DECAY) --decay-steps $(DECAY_STEPS) --lr-end $(LR_END) \
                  --minibatches $(MINIBATCHES) --epochs $(EPOCHS) --beta1 $(BETA1) --beta2 $(BETA2) --weight-decay $(WEIGHT_DECAY) \
                  --max-grad-norm $(CLIP_GRAD) -s $(SEED) -j $(THREADS) $(if $(MEMORY),--memory $(MEMORY)) $(UPDATE))

# Folder $1 as $2, by hard links where the file system allows it.
copy = { cp -al $1 $2 2> /dev/null || { rm -rf $2; cp -a $1 $2; }; }

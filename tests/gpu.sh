#!/usr/bin/env bash
# What needs a GPU: tests/gpu.sh check|bench.  Builds with CUDA=1 first; status 69 where there is no GPU.
# Reads only what is in the repository.
set -u
cd "$(dirname "$0")/.." || exit 71
unavailable() {
    echo "gpu.sh: $*" >&2
    exit 69
}
command -v nvidia-smi >/dev/null || unavailable "there is no NVIDIA driver here (nvidia-smi is not found)"
nvidia-smi -L 2>/dev/null | grep -q '^GPU' || unavailable "no GPU is there (nvidia-smi -L lists none)"
command -v nvcc >/dev/null || unavailable "nvcc is not found (CUDA Toolkit 12.4 or later is needed)"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
B=build/release-cuda
make --no-print-directory -j"$(nproc)" CUDA=1 all gpu-tests || exit

check() {
    local failed=0
    export GCPO_TEST_DEVICE=cuda
    for t in "$B"/tests/gpu/test_* "$B"/tests/unit/test_generate "$B"/tests/unit/test_train; do
        echo "== ${t#"$B"/tests/}"
        "$t" || failed=1
    done
    unset GCPO_TEST_DEVICE
    echo "== programs"
    GPU_BIN=$PWD/$B PATH=$PWD/$B:$PATH DATA=/nonexistent bats tests/device.bats || failed=1
    if command -v compute-sanitizer >/dev/null; then
        for tool in memcheck racecheck; do
            echo "== compute-sanitizer $tool"
            GPU_SMALL=1 compute-sanitizer --tool "$tool" --error-exitcode 1 "$B"/tests/gpu/test_cuda_ops || failed=1
        done
    else
        echo "compute-sanitizer is not found: left out"
    fi
    return $failed
}

# share NAME LIMIT: a line's tok/s beside the limit of the same name
share() {
    awk -v name="$1" -v limit="$2" '{ print; for (i = 2; i <= NF; i++) if ($i == "tok/s" && !n) n = $(i - 1) }
        END { printf "%s: %.1f %% of the limit (%.0f of %.0f tok/s)\n", name, 100 * n / limit, n, limit }'
}

# beside OURS THEIRS: our figure beside the peer's
beside() {
    awk -v line="$1" 'NR == 1 { for (i = 2; i <= NF; i++) if ($i == "tok/s" && !ours) ours = $(i - 1) }
        NR == 2 { print; n = $(NF - 1); printf "%s: %.2fx of %s\n", line, ours / n, $1 }' <(echo "$2") <(echo "$3")
}

bench() {
    local limits rollout update model peers
    model=$(mktemp -d) || exit 71
    trap 'rm -rf "$model"' EXIT
    limits=$("$B"/tests/bench/bench_gpu cuda) || exit
    echo "$limits"
    rollout=$("$B"/tests/bench/bench_rollout --model "$model/qwen" --bf16 --rounds 1 qwen1.5b:32x8:512+512) || exit
    grep '^rollout' <<< "$rollout"
    grep '^decode' <<< "$rollout" | share decoding "$(awk '/^limit of decoding/ { print $4 }' <<< "$limits")"
    update=$("$B"/tests/bench/bench_update --model "$model/qwen" --bf16 --rounds 3 --micro-tokens 4096 --shape qwen1.5b full:8x4096) || exit
    share update "$(awk '/^limit of an update/ { print $5 }' <<< "$limits")" <<< "$update"
    if python3 -c 'import torch, transformers' 2> /dev/null; then
        peers=$(python3 tests/bench/gpu_peers.py generate) && beside rollout "$(grep '^rollout' <<< "$rollout")" "$peers"
        peers=$(python3 tests/bench/gpu_peers.py update) && beside update "$update" "$peers"
    else
        echo "torch and transformers are not there: left out"
    fi
}

case ${1:-} in
check | bench) "$1" ;;
*) echo "usage: tests/gpu.sh check|bench" >&2; exit 64 ;;
esac

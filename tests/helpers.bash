# helpers.bash - what every bats file loads: load helpers
# The built programs are on PATH (tests/run.sh), $DATA is the shared data folder, which may be absent.
export LC_ALL=C
T=$BATS_TEST_TMPDIR
ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
PROGRAMS=$(cd "$ROOT" && for c in cmd/gcpo-*.c; do basename "$c" .c; done)
STREAM_PROGRAMS="gcpo-verify gcpo-inject-gold gcpo-advantage gcpo-stat gcpo-cat"

need_data() { # need_data FILE: skip where the shared data is absent
    [ -e "$DATA/$1" ] || skip "$DATA/$1 is absent"
}

# group ID VERDICT...: one group with these verdicts (c, w, n, b, e), a gold and an answer
group() {
    local id=$1 responses="" v verdict reward
    shift
    for v; do
        case $v in
        c) verdict=correct reward=1 ;;
        w) verdict=wrong reward=0 ;;
        n) verdict=no-answer reward=0 ;;
        b) verdict=bad-reference reward=null ;;
        e) verdict=error reward=null ;;
        esac
        responses+="${responses:+,}{\"text\":\"$v\",\"finish\":\"stop\",\"source\":\"policy\",\"verdict\":\"$verdict\",\"reward\":$reward}"
    done
    printf '{"id":"%s","prompt":"1+1?","answer":"2","gold":"1+1=2\\n\\\\boxed{2}","gold_verdict":"correct","gold_reward":1,"responses":[%s]}\n' \
        "$id" "$responses"
}

plain() { zstd -dcf "$@"; } # zstd or plain, to text

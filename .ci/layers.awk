# layers.awk - who may include whom (gcpo-hacking(7)); fed with `grep -n #include` over the tree.
BEGIN {
    allow["base"] = "base"
    allow["stream"] = "base stream"
    allow["text"] = "base text"
    allow["answer"] = "base answer"
    allow["rl"] = "base rl"
    allow["compute"] = "base compute"
    allow["model"] = "base compute model"
    allow["engine"] = "base compute model rl engine"
    allow["report"] = "base stream rl report"
    allow["task"] = "base stream text answer rl engine report task"
    allow["cmd"] = "base task"
    # Headers of option types, which a command needs to fill in its task's options.
    option["cmd:engine/engine.h"] = option["cmd:answer/answer.h"] = option["cmd:rl/loss.h"] = 1
    option["cmd:rl/objective.h"] = option["cmd:rl/advantage.h"] = option["cmd:text/chat.h"] = 1
    only["zstd.h"] = "stream"
    only["pcre2.h"] = "text answer"
    only["utf8proc.h"] = "text"
    only["gmp.h"] = only["mpfr.h"] = "answer"
    only["cblas.h"] = only["cuda_runtime.h"] = only["cublasLt.h"] = "compute"
}
{
    split($0, part, ":")
    file = part[1]
    split(file, dir, "/")
    layer = dir[1] == "libcore" ? dir[2] : dir[1]
    if (match($0, /#include "[^"]*"/)) {
        target = substr($0, RSTART + 10, RLENGTH - 11)
        if (split(target, t, "/") > 1 && t[1] in allow) {
            if (index(" " allow[layer] " ", " " t[1] " ") == 0 && !((layer ":" target) in option)) {
                printf "%s:%s: %s must not include %s\n", file, part[2], layer, target
                bad = 1
            }
        }
    } else if (match($0, /#include <[^>]*>/)) {
        target = substr($0, RSTART + 10, RLENGTH - 11)
        if (target in only && index(" " only[target] " ", " " layer " ") == 0) {
            printf "%s:%s: only %s may use <%s>\n", file, part[2], only[target], target
            bad = 1
        }
    }
}
END { exit bad }

# sweep.jq - how a run came out, as the columns of sweep.mk's table.
def four: if . == null then "-" else . * 1e4 | round / 1e4 end;
$last[0] as $m | ($eval[0] | .all // .) as $e
| [$m.step, ($e.mean.value | four), (($e.pass // []) | last | .value | four), ($best[0].mean | four), ($best[0].step // "-"),
   ($m.policy.entropy | four), ($m.tokens.responses / ([$m.rows.all, 1] | max) | round), ($m.rows.gold // 0)]
| @tsv

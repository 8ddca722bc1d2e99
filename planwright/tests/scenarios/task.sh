#!/bin/sh
# A task that testifies, in the folder $WITNESS: it holds a lock for its life, as do all that it starts, and writes a line
# `begin NAME PID START VALUE NOW` to `log` when it has the lock, `twice ...` when another process of this name lives, and
# `end ...` when it is asked to end. `up-NAME-VALUE` is there from its start on, and `pid-NAME` has its number.
exec 9>>"$WITNESS/lock-$TASK_NAME"
read -r stat <"/proc/$$/stat"
# The start is field 22; the name in field 2 has no blanks.
set -- $stat
shift 21
start=$1
# One write, at the end of the file: lines of several processes do not mix.
say() {
  read -r now idle </proc/uptime
  echo "$1 $TASK_NAME $$ $start $VALUE $now" >>"$WITNESS/log"
}
if ! flock -n 9; then
  say twice
  exit 1
fi
trap 'say end; exit 0' TERM
say begin
echo $$ >"$WITNESS/pid-$TASK_NAME"
: >"$WITNESS/up-$TASK_NAME-$VALUE"
echo "$TASK_NAME has the value $VALUE"
# It goes on until it is ended, or `leave-NAME` says otherwise. A child that waits has the lock too.
mkfifo "$WITNESS/leave-$TASK_NAME-$$"
cat "$WITNESS/leave-$TASK_NAME-$$" >/dev/null &
wait $!
rm "$WITNESS/leave-$TASK_NAME-$$"
say end
exit 0

#!/usr/bin/env bash
# The container engine of the tests: the machine's own where one answers, else one started here.
#
#   engine.sh start    starts dockerd when no engine answers, and remembers its process
#   engine.sh stop     ends the dockerd that `start` started; any other is left alone
#   engine.sh answers  exit status 0 when an engine answers
#
# FNPACK_TESTS_KEEP_ENGINE=1 lets `stop` leave it running, for the next round of tests.
set -euo pipefail
folder=$(cd "$(dirname "$0")/.." && pwd)/.tools/engine
pid_file=$folder/dockerd.pid

answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# Whether the remembered process is still the dockerd that was started here.
ours() {
  [[ -f $pid_file ]] && [[ $(readlink "/proc/$(cat "$pid_file")/exe" 2>/dev/null) == */dockerd ]]
}

start() {
  answers && return
  for tool in docker dockerd; do
    command -v "$tool" >/dev/null || { echo "engine.sh: $tool is not installed" >&2; exit 1; }
  done
  [[ $(id -u) == 0 ]] || { echo "engine.sh: no engine answers, and only root can start one" >&2; exit 1; }
  mkdir -p "$folder"
  # Two test processes may get here at once.
  exec 9>"$folder/lock"
  flock 9
  answers && return
  # `9>&-`: dockerd must not hold the lock for as long as it lives.
  setsid dockerd >"$folder/dockerd.log" 2>&1 </dev/null 9>&- &
  echo $! >"$pid_file"
  for _ in $(seq 150); do
    answers && return
    kill -0 "$(cat "$pid_file")" 2>/dev/null || break
    sleep 0.2
  done
  echo "engine.sh: dockerd does not answer; the end of its log:" >&2
  tail -n 20 "$folder/dockerd.log" >&2
  exit 1
}

stop() {
  [[ -z ${FNPACK_TESTS_KEEP_ENGINE:-} ]] || return 0
  ours || { rm -f "$pid_file"; return 0; }
  local pid
  pid=$(cat "$pid_file")
  kill "$pid"
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  rm -f "$pid_file"
}

case ${1:-} in
  start | stop | answers) "$1" ;;
  *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac

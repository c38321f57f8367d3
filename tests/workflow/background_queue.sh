#!/bin/sh
# The plainest queue: jobs are background processes of this machine.
#
#   background_queue.sh submit DIRECTORY SCRIPT   start a script; prints its id
#   background_queue.sh status DIRECTORY ID       success, failed or running
#   background_queue.sh cancel DIRECTORY ID...    end jobs with all that they started
#
# DIRECTORY keeps each job's output, and its exit code once it ended or was cancelled.
set -eu
action=$1
place=$2
shift 2
case $action in
submit)
    # A session of its own, so that cancel reaches all that the job starts.
    # shellcheck disable=SC2016
    setsid sh -c 'sh "$2" >"$1/$$.out" 2>&1; echo $? >"$1/$$.code"' job "$place" "$1" \
        </dev/null >/dev/null 2>&1 &
    echo $!
    ;;
status)
    # The code is looked for again once the process is gone: it may have ended in between.
    if [ ! -s "$place/$1.code" ] && kill -0 "$1" 2>/dev/null; then
        echo running
    elif [ "$(cat "$place/$1.code" 2>/dev/null)" = 0 ]; then
        echo success
    else
        echo failed
    fi
    ;;
cancel)
    for id; do
        kill -TERM "-$id" 2>/dev/null || continue
        [ -s "$place/$id.code" ] || echo 143 >"$place/$id.code"
    done
    ;;
esac

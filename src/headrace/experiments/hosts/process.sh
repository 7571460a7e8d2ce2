# shellcheck disable=SC1007,SC2013,SC2154,SC2174 # empty values; words on purpose; $command is given; the last folder
# Commands that outlive the connection they were started over: functions of a POSIX shell, for Linux.
#
# Each process has a folder of its own, which says all that is known of it:
#
#   token       whose it is; written before anything runs
#   command     the program text that is run
#   lock        held (flock) by the supervisor for as long as it lives, the launch that makes it included
#   pid         "PID START BOOT": the command's process, its start time (field 22 of /proc/PID/stat) and the boot's id
#   supervisor  the same of the supervisor, written before the command is started: without it nothing has been
#   stdout, stderr
#   exitcode    as a shell tells it: 128 and more are signals
#   over        when it ended, in whole seconds since the boot
#   timedout    is there if the wall time was up
#   abandoned   is there if nobody may start it any more
#
# pid and exitcode are renamed into place: they are there as a whole or not at all. Only the user can look into the folder:
# the command may hold secrets. The command leads a session of its own, apart from its supervisor's, so that signals for
# the one never reach the other.

fail() { # REASON: the last words of a script
    printf '%s\n' "$1" >&2
    exit 3
}

identity() { # PID: sets $found to "START STATE SESSION GROUP"; fails if there is no such process
    found=
    stat=
    { while IFS= read -r part || [ -n "$part" ]; do stat="$stat$part "; done <"/proc/$1/stat"; } 2>/dev/null
    [ -n "$stat" ] || return 1
    # The name, in parentheses, may hold anything: what counts begins after the last one.
    set -f
    # shellcheck disable=SC2086 # words on purpose
    set -- ${stat##*) }
    set +f
    found="${20} $1 $4 $3"
}

alive() { # PID START BOOT: whether it is this very process, and it has not ended
    [ -n "$1" ] && [ "$3" = "$boot" ] && identity "$1" || return 1
    case $found in "$2 Z "* | "$2 X "*) return 1 ;; "$2 "*) return 0 ;; esac
    return 1
}

keep() { # FILE TEXT: write it down, as a whole or not at all
    printf '%s\n' "$2" >"$1.new.$$" && mv -f "$1.new.$$" "$1"
}

recall() { # FILE: sets $words to its first line, or to nothing
    words=
    { IFS= read -r words <"$1"; } 2>/dev/null || :
}

read_pid() { # FOLDER: sets $pid $start $then to what its file pid says
    recall "$1/pid"
    # shellcheck disable=SC2086 # words on purpose
    set -- $words
    pid=${1-} start=${2-} then=${3-}
}

read -r boot </proc/sys/kernel/random/boot_id

# --- the supervisor ---------------------------------------------------------------------------------------------------

supervise() { # FOLDER STDIN STDOUT STDERR SUDO WALLTIME GRACE; descriptor 9 is the lock
    folder=$1
    hit=
    # Not ignored, which the command would inherit.
    trap 'hit=1' HUP INT TERM
    recall "$folder/token"
    mark=$words
    HEADRACE_PROCESS=$mark
    export HEADRACE_PROCESS
    if [ "$4" = '&1' ]; then
        exec 7>"$3" 8>&7 || fail "$3 cannot be written"
    else
        exec 7>"$3" 8>"$4" || fail "$3 or $4 cannot be written"
    fi
    exec 6<"$2" || fail "$2 cannot be read"
    # From here on it may have been started, whatever becomes of this process.
    { identity $$ && echo "$$ ${found%% *} $boot" >"$folder/supervisor"; } || fail "$folder cannot be written"
    # shellcheck disable=SC2086 # words on purpose
    setsid $5 sh "$folder/command" <&6 >&7 2>&8 6<&- 7>&- 8>&- 9>&- &
    pid=$!
    exec 6<&- 7>&- 8>&-
    identity $pid || found="0 ?"
    start=${found%% *}
    keep "$folder/pid" "$pid $start $boot" || { kill -s KILL -- -$pid || kill -s KILL $pid; fail "$folder is full"; }
    # Whoever launched this reads until here.
    echo "running 0 $pid $start $boot"
    exec >/dev/null 2>&1
    timer=
    if [ -n "$6" ]; then
        # In a session of its own, and without the mark, so that it is ended as a whole, and by nobody else.
        HEADRACE_PROCESS='' setsid sh "$folder/supervise" limit "$folder" "$mark" "$6" "$7" "$5" 9>&- &
        timer=$!
    fi
    while :; do
        wait $pid
        code=$?
        [ -n "$hit" ] || break
        hit=
    done
    recall /proc/uptime
    echo "${words%%.*}" >"$folder/over"
    keep "$folder/exitcode" "$code"
    if [ -n "$timer" ] && [ ! -e "$folder/timedout" ]; then
        # Before it leads its session, it is alone.
        kill -s KILL -- -$timer || kill -s KILL $timer
    fi
}

limit() { # FOLDER TOKEN SECONDS GRACE SUDO: end the process when its time is up
    sleep "$3"
    keep "$1/timedout" "$3"
    # shellcheck disable=SC2086 # words on purpose
    $5 sh "$1/supervise" end "$1" "$2" "$4"
}

# --- asked for over a connection --------------------------------------------------------------------------------------

launch() { # FOLDER TOKEN STDIN STDOUT STDERR SUDO WALLTIME GRACE: start $command, unless it was started
    folder=$1 token=$2 sudo=
    mkdir -p -m 700 "$folder" || fail "$folder cannot be made"
    exec 9>>"$folder/lock"
    tries=0
    until flock -n 9; do
        # Somebody asks for its status, starts it just now, or runs it.
        mine "$folder" "$token"
        if [ -e "$folder/pid" ]; then status "$folder" "$token"; return; fi
        tries=$((tries + 1))
        [ $tries -lt 200 ] || fail "$folder is being used by somebody else"
        sleep 0.05
    done
    mine "$folder" "$token"
    if [ -e "$folder/supervisor" ]; then exec 9>&-; status "$folder" "$token"; return; fi
    [ ! -e "$folder/abandoned" ] || fail "$folder was given up before its command was started"
    if [ -n "$6" ] && [ "$(id -u)" != 0 ]; then sudo='sudo -n --'; fi
    # These are not there as a whole or not at all; but nothing is started without them.
    {
        echo "$token" >"$folder/token" &&
            printf '%s\n' "$command" >"$folder/command" &&
            printf '%s\n"$@"\n' "$functions" >"$folder/supervise"
    } || fail "$folder cannot be written"
    said=$(setsid sh "$folder/supervise" supervise "$folder" "$3" "$4" "$5" "$sudo" "$7" "$8" \
        </dev/null 2>"$folder/log" &)
    exec 9>&-
    case $said in
        running*) echo "$said" ;;
        *) fail "it was not started: $(cat "$folder/log")" ;;
    esac
}

mine() { # FOLDER TOKEN: fail if the folder is another process's
    recall "$1/token"
    [ -z "$words" ] || [ "$words" = "$2" ] || fail "$1 belongs to another process"
}

status() { # FOLDER TOKEN: one line that says how it does: "WORD CODE PID START BOOT [late]"
    recall "$1/token"
    if [ ! -d "$1" ] || { [ -n "$words" ] && [ "$words" != "$2" ]; }; then
        echo gone
        return
    fi
    held=
    # Asked first: the supervisor writes its last word before it lets go of the lock.
    if [ -e "$1/lock" ] && ! flock -n -s "$1/lock" true; then held=1; fi
    read_pid "$1"
    recall "$1/exitcode"
    late=
    [ ! -e "$1/timedout" ] || late=late
    where="${pid:-0} ${start:-0} ${then:-0} $late"
    if [ -n "$words" ]; then
        echo "ended $words $where"
    elif [ -n "$pid" ] && alive "$pid" "$start" "$then"; then
        echo "running 0 $where"
    elif [ -n "$held" ]; then
        # It is about to begin, or its end about to be written down.
        echo "running 0 $where"
    elif [ -e "$1/supervisor" ]; then
        echo "lost 0 $where"
    elif [ -e "$1/abandoned" ]; then
        echo abandoned
    else
        echo never
    fi
}

abandon() { # FOLDER TOKEN: see to it that nobody starts it any more, unless somebody has; say how it does
    mkdir -p -m 700 "$1" || fail "$1 cannot be made"
    mine "$1" "$2"
    exec 9>>"$1/lock"
    if flock -n 9 && [ ! -e "$1/supervisor" ]; then keep "$1/abandoned" "$boot"; fi
    exec 9>&-
    status "$1" "$2"
}

await() { # FOLDER: return when it has ended
    if [ -e "$1/lock" ]; then flock -s "$1/lock" true; fi
    # Its supervisor was killed, and no event tells of its end: it is looked for, ever more seldom.
    read_pid "$1"
    pause=1
    while [ ! -e "$1/exitcode" ] && alive "$pid" "$start" "$then"; do
        sleep $pause
        [ $pause -ge 8 ] || pause=$((pause * 2))
    done
}

watch() { # each line of the input is "NUMBER TOKEN FOLDER"; each line of the output "NUMBER STATUS", at its end
    echo ready
    while IFS= read -r line; do
        number=${line%% *} line=${line#* }
        token=${line%% *} folder=${line#* }
        { await "$folder"; printf '%s %s\n' "$number" "$(status "$folder" "$token")"; } </dev/null &
    done
    # The connection has ended, and with it those who wait.
    trap '' TERM
    kill -s TERM 0
}

# --- ending -----------------------------------------------------------------------------------------------------------

members() { # FOLDER: sets $leader to the process that leads the session, $group to whether it leads its group, and
    # $others to those of its session, and those that bear its mark, that are not in that group
    leader= group= others= all=
    recall "$1/supervisor"
    warden=${words%% *}
    read_pid "$1"
    # A session is its own for certain only while the process that leads it is there.
    if alive "$pid" "$start" "$then"; then
        leader=$pid
        case $found in *" $leader") group=1 ;; esac
        for each in $(grep -l ") [A-Z] [0-9]* [0-9]* $leader " /proc/[0-9]*/stat 2>/dev/null); do
            one=${each#/proc/}
            consider "${one%/stat}"
        done
    fi
    for each in $(grep -lF "HEADRACE_PROCESS=$mark" /proc/[0-9]*/environ 2>/dev/null); do
        one=${each#/proc/}
        consider "${one%/environ}"
    done
}

consider() { # PID: add it to the members, if it has not ended, and is not the supervisor or one of its helpers
    case " $leader $all " in *" $1 "*) return ;; esac
    [ "$1" != $$ ] && identity "$1" || return 0
    # shellcheck disable=SC2086 # words on purpose
    set -- "$1" $found
    case $3 in Z | X) return ;; esac
    [ "$4" != "$warden" ] || return 0
    all="$all $1"
    [ -n "$group" ] && [ "$5" = "$leader" ] || others="$others $1"
}

signal() { # FOLDER NAME: send it to all of them, once to each; sets $leader and $all
    members "$1"
    # A stopped process hears nothing until it goes on.
    for each in "$2" CONT; do
        if [ -n "$group" ]; then kill -s "$each" -- "-$leader"; elif [ -n "$leader" ]; then kill -s "$each" "$leader"; fi
        # shellcheck disable=SC2086 # words on purpose
        [ -z "$others" ] || kill -s "$each" $others
    done 2>/dev/null
}

end() { # FOLDER TOKEN GRACE: TERM, then KILL when the grace, in milliseconds, is over; say what could not be ended
    mark=$2 left=$3 pause=10 again=1
    signal "$1" TERM
    while :; do
        if [ -z "$leader$all" ]; then
            # One that is just being executed bears no mark for a moment.
            if [ -z "$again" ] || ! just_over "$1"; then break; fi
            again=
            sleep 0.05
            signal "$1" TERM
            continue
        fi
        [ "$left" -gt 0 ] || break
        sleep "$(printf '0.%03d' $pause)"
        left=$((left - pause))
        [ $pause -ge 160 ] || pause=$((pause * 2))
        members "$1"
    done
    tries=0
    while [ -n "$leader$all" ] && [ $tries -lt 50 ]; do
        signal "$1" KILL
        sleep 0.02
        members "$1"
        tries=$((tries + 1))
    done
    echo "left $leader$all"
}

just_over() { # FOLDER: whether its command has ended a moment ago
    recall "$1/over"
    since=$words
    recall /proc/uptime
    [ -n "$since" ] && [ $((${words%%.*} - since)) -lt 2 ]
}

halt() { # FOLDER TOKEN GRACE: end it for good, started or not; say what could not be ended, and how it does
    case $(abandon "$1" "$2") in
        abandoned) echo left ;;
        *) end "$1" "$2" "$3" ;;
    esac
    # The supervisor writes its last word now, if it is there at all.
    if [ -z "$leader$all" ] && [ -e "$1/lock" ]; then flock -s "$1/lock" true; fi
    status "$1" "$2"
}

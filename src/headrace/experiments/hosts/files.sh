# Files of a host: functions of a POSIX shell. Exit code 3 is a failure, 4 says that there is no such file.

fail() { # REASON: the last words of a script
    printf '%s\n' "$1" >&2
    exit 3
}

probe() { # BASE: say what the host is, and make the base folder
    missing=
    for tool in setsid flock grep sha256sum id mkdir mv rm cat chmod sleep wc; do
        command -v $tool >/dev/null || missing="$missing $tool"
    done
    [ -z "$missing" ] || fail "these programs are missing:$missing"
    [ -r /proc/self/stat ] || fail "/proc is missing: only Linux will do"
    cd || fail "the home folder $HOME cannot be entered"
    [ -d "$1" ] || mkdir -p -- "$1" || fail "the base folder $1 cannot be made"
    cd -P -- "$1" || fail "the base folder $1 cannot be entered"
    base=$(pwd -P)
    [ -w "$base" ] || fail "the base folder $base may not be written"
    read -r boot </proc/sys/kernel/random/boot_id
    read -r system </proc/sys/kernel/ostype
    read -r release </proc/sys/kernel/osrelease
    # As in "uid=1000(miller) gid=...".
    who=$(id)
    who=${who#uid=}
    uid=${who%%[!0-9]*}
    case $who in "$uid("*) who=${who#*\(} who=${who%%\)*} ;; *) who=$uid ;; esac
    printf '%s\n' "$HOME" "$base" "$who" "$uid" "$boot" "$system $release"
}

checksums() { # FILES: a line for each, "-" for those that are no files
    for each; do
        if [ -f "$each" ]; then
            sum=$(sha256sum <"$each") || sum=-
            echo "${sum%% *}"
        else
            echo -
        fi
    done
}

commit() { # CHECKSUM MODE TEMPORARY FILE: put a file that has arrived in its place
    [ ! -d "$4" ] || fail "$4 is a folder"
    # It may have been put there, and only the answer been lost.
    [ -f "$3" ] || [ "$(checksums "$4")" != "$1" ] || return 0
    sum=$(sha256sum <"$3") || fail "$3 cannot be read"
    if [ "${sum%% *}" != "$1" ]; then
        rm -f -- "$3"
        echo "$4 arrived damaged" >&2
        exit 5
    fi
    { chmod "$2" -- "$3" && mv -f -- "$3" "$4"; } || fail "$4 cannot be written"
}

size() { # FILE
    [ -e "$1" ] || exit 4
    [ -f "$1" ] || fail "it is no file"
    wc -c <"$1"
}

write() { # FOLDER FILE MODE TEXT
    mkdir -p -- "$1" || fail "$1 cannot be made"
    [ ! -d "$2" ] || fail "$2 is a folder"
    new=$1/.headrace-$$
    { (umask 077 && printf '%s' "$4" >"$new") && chmod "$3" "$new" && mv -f -- "$new" "$2"; } ||
        { rm -f -- "$new"; fail "$2 cannot be written"; }
}

erase() { # BASE FOLDER NAME: remove what is in the folder under this name, if the folder is really below the base
    [ -d "$2" ] || return 0
    cd -P -- "$2" || fail "$2 cannot be entered"
    case $(pwd -P)/ in
        "$1"/*) rm -rf -- "./$3" ;;
        *) echo "$2 leads to $(pwd -P)" >&2; exit 6 ;;
    esac
}

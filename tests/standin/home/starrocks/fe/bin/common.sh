# Sourced by the start scripts. The shape, and the traps, are the vendor's: see README.md of the stand-in.

# Every line whose key is in upper case is evaluated by the shell and exported: commands in it run, blanks collapse,
# a comment behind the value is gone, and a last line without a newline is not seen at all.
export_env_from_conf() {
    while read line; do
        assignment=$(echo $line | sed 's/[[:blank:]]*=[[:blank:]]*/=/' | grep -E '^[A-Z][A-Z_0-9]*=')
        assignment=$(eval "echo $assignment")
        if [[ $assignment == *"="* ]]; then
            eval 'export "$assignment"'
        fi
    done < "$1"
}

# A key in lower case, for the scripts themselves; the last one wins.
read_var_from_conf() {
    while read line; do
        assignment=$(echo $line | sed 's/[[:blank:]]*=[[:blank:]]*/=/' | grep -E "^$1=")
        if [[ -n $assignment ]]; then
            eval "$assignment"
        fi
    done < "$2"
}

# What the stand-in is told about itself in standin.conf.
standin_setting() {
    sed -n "s/^[[:blank:]]*$1[[:blank:]]*=[[:blank:]]*//p" "$STARROCKS_HOME/standin.conf" 2>/dev/null | tail -n 1
}

# Whether the process in a pid file counts as running. Before 3.1.15, 3.2.10 and 3.3.2 any live process did, so a
# number that was given out again blocked the start for ever.
is_running() {
    if [[ $(standin_setting profile) == starrocks-3.1 ]]; then
        kill -0 "$1" >/dev/null 2>&1
    else
        ps -q "$1" -o cmd= 2>/dev/null | grep -q -w "$2"
    fi
}

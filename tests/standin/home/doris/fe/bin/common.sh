# Sourced by the start scripts. The shape, and the traps, are the vendor's: see README.md of the stand-in.

# Every line whose key is in upper case is evaluated by the shell and exported: commands in it run, blanks collapse,
# a comment behind the value is gone, and a last line without a newline is not seen at all. A quote without its other half
# ends the script.
export_env_from_conf() {
    local line assignment
    while read -r line; do
        assignment=$(echo "$line" | sed 's/[[:blank:]]*=[[:blank:]]*/=/g' | sed 's/^[[:blank:]]*//g' |
            grep -E '^[[:upper:]]([[:upper:]]|_|[[:digit:]])*=' || true)
        assignment=$(eval "echo $assignment")
        if [[ $assignment == *"="* ]]; then
            eval 'export "$assignment"'
        fi
    done <"$1"
}

# What the stand-in is told about itself in standin.conf.
standin_setting() {
    sed -n "s/^[[:blank:]]*$1[[:blank:]]*=[[:blank:]]*//p" "$DORIS_HOME/standin.conf" 2>/dev/null | tail -n 1
}

refuse_proxies() {
    local var
    for var in http_proxy HTTP_PROXY https_proxy HTTPS_PROXY; do
        if [[ -n ${!var} ]]; then
            echo "env '$var' = '${!var}', need unset it using 'unset $var'"
            exit 1
        fi
    done
}

# TAB for mng in bash and zsh: reads a cache that mng writes, the names of agents, and the project's files; starts no program.
if [ -n "$ZSH_VERSION" ]; then
    autoload -U +X compinit bashcompinit
    type compdef >/dev/null 2>&1 || compinit
    bashcompinit
fi

# Nothing is made of a name that a shell could read as more than a name: bash expands what it is offered.
_mng_offer() {
    local word
    for word; do
        case "$word" in "" | *[![:alnum:]@:_.,=/+-]*) ;; *) offer="$offer $word" ;; esac
    done
}

# Each adds to $offer. All of them use the variables of _mng_complete.
_mng_agents() {
    local path place="${MNG_HOST_DIR:-}" profile
    [ -n "$place" ] || { place="$home"; _mng_user_settings _mng_host_dir; }
    for path in "$place"/names/*; do
        if [ -L "$path" ]; then _mng_offer "${path##*/}"; fi
    done
}

_mng_trusted() { # is it among the folders that mng keeps, or that MNG_TRUST names?
    local line
    case ":${MNG_TRUST:-}:" in *":$1:"*) return 0 ;; esac
    [ -r "$home/cache/trusted" ] || return 1
    while IFS= read -r line; do
        [ "$line" != "$1" ] || return 0
    done <"$home/cache/trusted"
    return 1
}

_mng_settings() { # "$@" FILE for the user's settings and the nearest project's, the weakest first
    local dir="$PWD" profile
    _mng_user_settings "$@"
    while [ -n "$dir" ] && [ "$dir" != "$HOME" ]; do
        if [ -r "$dir/$root/settings.toml" ] || [ -r "$dir/$root/settings.local.toml" ]; then
            _mng_trusted "$dir" || break
            [ ! -r "$dir/$root/settings.toml" ] || "$@" "$dir/$root/settings.toml"
            [ ! -r "$dir/$root/settings.local.toml" ] || "$@" "$dir/$root/settings.local.toml"
            break
        fi
        dir="${dir%/*}"
    done
}

_mng_user_settings() {
    profile="${MNG_PROFILE:-}"
    [ -n "$profile" ] || { [ -r "$home/profile" ] && read -r profile <"$home/profile"; }
    [ ! -r "$home/profiles/${profile:-default}/settings.toml" ] || "$@" "$home/profiles/${profile:-default}/settings.toml"
}

_mng_host_dir() { # what the file says before its first table
    local line
    while IFS= read -r line || [ -n "$line" ]; do
        case "$line" in
            "["*) break ;;
            host_dir*=*)
                line="${line#*=}"
                line="${line#"${line%%[\"\']*}"}"
                line="${line#[\"\']}"
                place="${line%%[\"\']*}"
                case "$place" in "~" | "~/"*) place="$HOME${place#?}" ;; esac ;;
        esac
    done <"$1"
}

_mng_tables() { # the NAMEs of [$1.NAME]
    _mng_settings _mng_table_names "$1"
}

_mng_table_names() {
    local line
    while IFS= read -r line || [ -n "$line" ]; do
        case "$line" in "[$1."*"]"*)
            line="${line#*.}"
            line="${line%%[].]*}"
            _mng_offer "${line//[\"\']/}" ;;
        esac
    done <"$2"
}

_mng_roles() { # of mng itself they are in the cache
    local dir="$PWD" path
    while [ -n "$dir" ] && [ "$dir" != "$HOME" ]; do
        [ ! -d "$dir/roles" ] || ! _mng_trusted "$dir" || _mng_role_files "$dir/roles"
        [ ! -e "$dir/.git" ] || break
        dir="${dir%/*}"
    done
    _mng_role_files "$home/roles"
}

_mng_role_files() {
    for path in "$1"/*; do
        case "${path##*/}" in
            _*) ;;
            *.py) path="${path##*/}"; _mng_offer "${path%.py}" ;;
            *) if [ -e "$path/__init__.py" ]; then _mng_offer "${path##*/}"; fi ;;
        esac
    done
}

_mng_tasks() { # of the nearest tasks.py
    local dir="$PWD" file line decorated=""
    while [ -n "$dir" ]; do
        for file in "$dir/tasks.py" "$dir/tasks/__init__.py"; do
            [ -r "$file" ] || continue
            _mng_trusted "$dir" || return
            while IFS= read -r line || [ -n "$line" ]; do
                case "$decorated$line" in
                    *@task*) decorated=@ ;;
                    @def*)
                        line="${line#def }"
                        line="${line%%\(*}"
                        _mng_offer "${line//_/-}"
                        decorated="" ;;
                esac
            done <"$file"
            return
        done
        dir="${dir%/*}"
    done
}

_mng_hosts() { # and groups, as inventories had them when hosts were last asked for in this project
    [ -r "$home/cache/patterns" ] || return
    while IFS='|' read -r path values; do
        case "$PWD/" in "$path"/*) _mng_offer ${ZSH_VERSION:+${=values}} ${BASH_VERSION:+$values} ;; esac
    done <"$home/cache/patterns"
}

_mng_complete() {
    local IFS=$' \t\n'
    local root=".${MNG_ROOT_NAME:-mng}"
    local home="$HOME/$root" cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
    local i=1 word first="" second="" name key values command="" default="" top="" options="" takes="" place="" given="" offer="" path
    local before="" count=0 words="" more="" group="" kind=""
    COMPREPLY=()
    if [ "$cur" = "=" ]; then # bash splits --in=docker in three
        cur=""
    elif [ "$prev" = "=" ]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    while [ "$i" -lt "$COMP_CWORD" ]; do
        word="${COMP_WORDS[i]}"
        i=$((i + 1))
        case "$word" in
            --) return ;;
            -* | =) ;;
            *) if [ -z "$first" ]; then first="$word"; elif [ -z "$second" ]; then second="$word"; fi ;;
        esac
    done
    [ -r "$home/cache/complete" ] || return
    while IFS='|' read -r name key values; do
        case "$name|$key" in
            "|commands") top="$values" ;;
            "|default") default="$values" ;;
            "$first|is") command="${command:-$values}" count=1 ;;
            "$first $second|is") command="$values" count=2 ;;
            "|begin") command="${command:-$default}" ;;
            "$command|options") options="$values" ;;
            "$command|takes") takes=" $values " ;;
            "$command|words") words="$values" ;;
            "$command|more") more="$values" ;;
            "$command|$prev") given="$values" ;;
            "$first|commands") [ -n "$second" ] || group="$values" ;;
        esac
    done <"$home/cache/complete"
    count=$((0 - count)) i=1
    while [ "$i" -lt "$COMP_CWORD" ]; do # which of the command's own words is this?
        word="${COMP_WORDS[i]}"
        i=$((i + 1))
        case "$word|$takes" in -*) ;; *) case "$takes" in *" $before "*) ;; *) count=$((count + 1)) ;; esac ;; esac
        before="$word"
    done
    case "$takes" in *" $prev "*) kind="${given:- }" ;; esac
    if [ -z "$kind" ]; then
        case "$cur" in
            -*) kind="$options" ;;
            *)
                if [ -z "$first" ]; then kind="$top TASK"
                elif [ "$count" -lt 1 ]; then kind="$group $words"
                else kind="$more"; fi ;;
        esac
    fi
    for word in ${ZSH_VERSION:+${=kind}} ${BASH_VERSION:+$kind}; do
        case "$word" in
            AGENT) _mng_agents ;;
            HOST) _mng_hosts ;;
            TEMPLATE) _mng_tables create_templates ;;
            TYPE) _mng_tables agent_types ;;
            ROLE) _mng_roles ;;
            TASK) _mng_tasks ;;
            FILE)
                if [ -z "$ZSH_VERSION" ]; then
                    while IFS= read -r path; do COMPREPLY[${#COMPREPLY[@]}]="$path"; done < <(compgen -f -- "$cur")
                    compopt -o filenames 2>/dev/null # readline quotes them
                else # whose compgen takes no notice of the word
                    for path in "$cur"*; do if [ -e "$path" ]; then COMPREPLY[${#COMPREPLY[@]}]="$path"; fi; done
                fi ;;
            *) _mng_offer "$word" ;;
        esac
    done
    for word in ${ZSH_VERSION:+${=offer}} ${BASH_VERSION:+$offer}; do
        case "$word" in "$cur"*) COMPREPLY[${#COMPREPLY[@]}]="$word" ;; esac
    done
}
complete -F _mng_complete mng

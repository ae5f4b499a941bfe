# TAB for mng in bash and zsh: reads a cache that mng writes, and the names of agents; starts no program.
if [ -n "$ZSH_VERSION" ]; then
    autoload -U +X compinit bashcompinit
    type compdef >/dev/null 2>&1 || compinit
    bashcompinit
fi

_mng_complete() {
    local IFS=$' \t\n'
    local home="$HOME/.${MNG_ROOT_NAME:-mng}" cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
    local i=1 word first="" second="" name key values command="" default="" top="" options="" kind="" offer="" path
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
            "$first|is") command="${command:-$values}" ;;
            "$first $second|is") command="$values" ;;
            "|begin") command="${command:-$default}" ;;
            "$command|options") options="$values" ;;
            "$command|words") kind="${kind:-$values}" ;;
            "$command|$prev") kind="value$values" ;;
            "$first|commands") [ -n "$second" ] || offer="$values" ;;
        esac
    done <"$home/cache/complete"
    case "$kind|$cur" in
        "valueFILE|"*) offer="FILE" ;;
        "valueAGENT|"*) offer="AGENT" ;;
        value*) offer="${kind#value}" ;;
        *"|-"*) offer="$options" ;;
        *) if [ -z "$first" ]; then offer="$top"; elif [ "$kind" = AGENT ]; then offer="$offer AGENT"; fi ;;
    esac
    case "$offer" in
        FILE)
            if [ -z "$ZSH_VERSION" ]; then
                COMPREPLY=($(compgen -f -- "$cur"))
            else # whose compgen takes no notice of the word
                for path in "$cur"*; do COMPREPLY[${#COMPREPLY[@]}]="$path"; done
            fi
            return ;;
        *AGENT)
            offer="${offer%AGENT}"
            for path in "${MNG_HOST_DIR:-$home}"/names/*; do
                [ -L "$path" ] && offer="$offer ${path##*/}"
            done ;;
    esac
    COMPREPLY=($(compgen -W "$offer" -- "$cur"))
}
complete -F _mng_complete mng

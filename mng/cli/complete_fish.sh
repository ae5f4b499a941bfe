# TAB for mng in fish: reads a cache that mng writes, and the names of agents; starts no program.
function __mng_complete
    set -l home $HOME/.mng
    set -q MNG_ROOT_NAME; and set home $HOME/.$MNG_ROOT_NAME
    set -l names $home/names
    set -q MNG_HOST_DIR; and set names $MNG_HOST_DIR/names
    test -r $home/cache/complete; or return
    set -l typed (commandline -opc)
    set -l prev $typed[-1]
    set -l cur (commandline -ct)
    set -l free (string match -v -- '-*' $typed[2..])
    set -l command ''
    set -l offer
    set -l kind ''
    set -l options ''
    while read -l -d '|' name key values
        switch "$name|$key"
            case '|commands'
                test -z "$free[1]"; and set offer $values
            case '|default'
                set -f default $values
            case "$free[1]|is"
                test -z "$command"; and set command $values
            case "$free[1] $free[2]|is"
                set command $values
            case '|begin'
                test -z "$command"; and set command $default
            case "$command|options"
                set options $values
            case "$command|words"
                test -z "$kind" -a -n "$free[1]"; and set kind $values
            case "$command|$prev"
                set kind value
                set offer $values
            case "$free[1]|commands"
                test -z "$free[2]"; and set offer $values
        end
    end <$home/cache/complete
    if test $kind != value; and string match -q -- '-*' $cur
        set offer $options
    else if test $kind = AGENT
        set offer $offer AGENT
    end
    for word in (string split -n ' ' -- $offer)
        switch $word
            case AGENT
                for path in $names/*
                    string replace -r '.*/' '' -- $path
                end
            case FILE
                __fish_complete_path $cur
            case '*'
                echo $word
        end
    end
end
complete -c mng -f -a '(__mng_complete)'

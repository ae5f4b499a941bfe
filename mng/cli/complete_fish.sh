# TAB for mng in fish: reads a cache that mng writes, the names of agents, and the project's files; starts no program.
function __mng_above # this folder and those above it
    set -l dir $PWD
    while test -n "$dir"
        echo $dir
        set dir (string replace -r '/[^/]*$' '' -- $dir)
    end
end

function __mng_lines --argument-names pattern # what the pattern finds in the lines of the files that there are
    for file in $argv[2..]
        test -r $file; and string match -rg -- $pattern <$file
    end
end

function __mng_trusted --argument-names dir root # is it among the folders that mng keeps, or that MNG_TRUST names?
    contains -- $dir (string split : -- "$MNG_TRUST"); and return
    test -r $HOME/$root/cache/trusted; and string match -q -- $dir <$HOME/$root/cache/trusted
end

function __mng_settings --argument-names root user # the user's settings and (without `user`) the project's, the weakest first
    set -l profile default
    test -r $HOME/$root/profile; and read profile <$HOME/$root/profile
    set -q MNG_PROFILE; and set profile $MNG_PROFILE
    set -l files $HOME/$root/profiles/$profile/settings.toml
    for dir in (__mng_above)
        test $dir = $HOME -o -n "$user"; and break
        if test -r $dir/$root/settings.toml -o -r $dir/$root/settings.local.toml
            __mng_trusted $dir $root; or break
            set -a files $dir/$root/settings.toml $dir/$root/settings.local.toml
            break
        end
    end
    string join \n -- $files
end

function __mng_host_dir --argument-names root # what they say before their first table
    for file in (__mng_settings $root user)
        test -r $file; or continue
        while read -l line
            string match -q '[*' -- $line; and break
            string match -rg '^host_dir\s*=\s*["\']([^"\']*)' -- $line
        end <$file
    end
end

function __mng_tables --argument-names table root # the NAMEs of [table.NAME] in the settings
    __mng_lines "^\[$table\.[\"']?([^].\"']+)" (__mng_settings $root)
end

function __mng_roles --argument-names root
    set -l dirs
    for dir in (__mng_above)
        test $dir = $HOME; and break
        test -d $dir/roles; and __mng_trusted $dir $root; and set -a dirs $dir/roles
        test -e $dir/.git; and break
    end
    for path in $dirs/*.py $HOME/$root/roles/*.py $dirs/*/__init__.py $HOME/$root/roles/*/__init__.py
        string match -rg '/([^/_][^/]*?)(?:\.py|/__init__\.py)$' -- $path
    end
end

function __mng_tasks --argument-names root
    for dir in (__mng_above)
        for file in $dir/tasks.py $dir/tasks/__init__.py
            test -r $file; or continue
            __mng_trusted $dir $root; or return
            set -l decorated
            while read -l line
                if string match -q '@task*' -- $line
                    set decorated yes
                else if test -n "$decorated"; and string match -qr '^def ' -- $line
                    string replace -r '^def (\w+).*' '$1' -- $line | string replace -a _ -
                    set decorated
                end
            end <$file
            return
        end
    end
end

function __mng_names --argument-names word root names
    switch $word
        case HOST # as inventories had them when hosts were last asked for in this project
            for line in (__mng_lines '(.*)' $HOME/$root/cache/patterns)
                set -l parts (string split -m1 '|' -- $line)
                string match -q -- "$parts[1]/*" "$PWD/"; and string split -n ' ' -- $parts[2]
            end
        case AGENT
            for path in $names/*
                string replace -r '.*/' '' -- $path
            end
        case TEMPLATE
            __mng_tables create_templates $root
        case TYPE
            __mng_tables agent_types $root
        case ROLE
            __mng_roles $root
        case TASK
            __mng_tasks $root
        case '*'
            printf '%s\n' $word
    end
end

function __mng_complete
    set -l root .mng
    set -q MNG_ROOT_NAME; and set root .$MNG_ROOT_NAME
    set -l names $HOME/$root/names
    set -l told (__mng_host_dir $root)
    test -n "$told[-1]"; and set names (string replace -r '^~' $HOME -- $told[-1])/names
    set -q MNG_HOST_DIR; and set names $MNG_HOST_DIR/names
    test -r $HOME/$root/cache/complete; or return
    set -l typed (commandline -opc)[2..]
    set -l cur (commandline -ct)
    contains -- -- $typed; and return
    set -l prev ''
    test (count $typed) -gt 0; and set prev $typed[-1]
    set -l free (string match -v -- '-*' $typed) '' ''
    set -l named 0
    set -l command ''
    set -l default ''
    set -l top ''
    set -l group ''
    set -l options ''
    set -l takes
    set -l words ''
    set -l more ''
    set -l given ''
    while read -l -d '|' name key values
        switch "$name|$key"
            case '|commands'
                set top $values
            case '|default'
                set default $values
            case "$free[1]|is"
                test -z "$command"; and set command $values; and set named 1
            case "$free[1] $free[2]|is"
                set command $values
                set named 2
            case '|begin'
                test -z "$command"; and set command $default
            case "$command|options"
                set options $values
            case "$command|takes"
                set takes (string split -n ' ' -- $values)
            case "$command|words"
                set words $values
            case "$command|more"
                set more $values
            case "$command|$prev"
                set given $values
            case "$free[1]|commands"
                test -z "$free[2]"; and set group $values
        end
    end <$HOME/$root/cache/complete
    set -l before ''
    for word in $typed # which of the command's own words is this?
        string match -q -- '-*' $word; or contains -- "$before" $takes; or set named (math $named - 1)
        set before $word
    end
    set -l kind
    if contains -- "$prev" $takes
        set kind $given
    else if string match -q -- '-*' $cur
        set kind $options
    else if test -z "$free[1]"
        set kind "$top TASK"
    else if test $named -ge 0
        set kind "$group $words"
    else
        set kind $more
    end
    for word in (string split -n ' ' -- $kind)
        if test $word = FILE
            __fish_complete_path $cur
        else # nothing is made of a name that a shell could read as more than a name
            __mng_names $word $root $names | string match -r '^[\w@:.,=/+-]+$'
        end
    end
end
complete -c mng -f -a '(__mng_complete)'

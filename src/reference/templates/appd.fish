# Completion for appd in fish, made from its option table.

# Whether the first word is being written.
function __appd_begins
    test (count (commandline -opc)) -eq 1
end

# Whether a running appd is asked for something.
function __appd_asks
    set -l words (commandline -opc)
    contains -- "$words[2]" @verbs@
end

# Paths that end like this, of those that fish offers where it knows no command. The word may begin with --name=.
function __appd_paths
    set -l begun (commandline -ct | string replace -r -- '^-[^=]*=' '')
    complete -C "'' $begun" | string replace -rf "^([^\t]*(?:$argv[1]))(?:\t.*)?\$" '$1'\t
end

function __appd_folders
    __appd_paths /
end

# What may be an application, or a way to one.
function __appd_python_files
    __appd_paths '/|\.py|\.wsgi'
end

complete -c appd -f
complete -c appd -n __appd_begins -a dev -d 'Serve an application to its developer'
@fish_verbs@
@fish_options@

# SPDX-License-Identifier: Apache-2.0
# fish completion for ehlod(8)
complete -c ehlod -f
complete -c ehlod -l config -r -F -d 'configuration file'
complete -c ehlod -l capture -d 'take mail for everybody, send nothing'
complete -c ehlod -l check -d 'look at the configuration and leave'
complete -c ehlod -l defaults -d 'print every option with its default'
complete -c ehlod -l manual -d 'print them as a manual page'
complete -c ehlod -l foreground -d 'stay in the foreground'
complete -c ehlod -l show-dialogue -d 'print every dialogue as it happens'
complete -c ehlod -l allow-root -d 'run although started as root'
complete -c ehlod -l version -d 'print the version'
complete -c ehlod -l help -d 'print help'
complete -c ehlod -n __fish_use_subcommand -a try -d 'which line decides'
complete -c ehlod -n '__fish_seen_subcommand_from try' -l from -x
complete -c ehlod -n '__fish_seen_subcommand_from try' -l rcpt -x
complete -c ehlod -n '__fish_seen_subcommand_from try' -l ip -x
complete -c ehlod -n '__fish_seen_subcommand_from try' -l listener -x
complete -c ehlod -n '__fish_seen_subcommand_from try' -l login -x
complete -c ehlod -n '__fish_seen_subcommand_from try' -l tls

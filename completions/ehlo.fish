# SPDX-License-Identifier: Apache-2.0
# fish completion for ehlo(1)
complete -c ehlo -n __fish_use_subcommand -f -a user -d 'accounts'
complete -c ehlo -n __fish_use_subcommand -f -a fault -d 'faults on purpose'
complete -c ehlo -n '__fish_seen_subcommand_from fault' -f \
    -a 'add list remove'
complete -c ehlo -n '__fish_seen_subcommand_from fault' -l control -r \
    -d 'socket of the daemon'
complete -c ehlo -n '__fish_seen_subcommand_from fault' -l all \
    -d 'remove every fault'
complete -c ehlo -n __fish_use_subcommand -f -a help -d 'what a command can do'
complete -c ehlo -n '__fish_seen_subcommand_from user' -f \
    -a 'add passwd remove list'
complete -c ehlo -l users -r -d 'file with the accounts'
complete -c ehlo -l config -r -d 'configuration that names it'
complete -c ehlo -l password-file -r -d 'read the password from here'
complete -c ehlo -l password-fd -x -d 'descriptor with the password'
complete -c ehlo -l send-as -x -d 'addresses the account may use'
complete -c ehlo -l no-mailbox -d 'may send, receives nothing'
complete -c ehlo -l json -d 'the list for programs'
complete -c ehlo -l version -d 'print the version'
complete -c ehlo -l help -d 'print help'

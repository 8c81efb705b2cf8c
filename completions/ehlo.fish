# SPDX-License-Identifier: Apache-2.0
# fish completion for ehlo(1)
complete -c ehlo -n __fish_use_subcommand -f -a user -d 'accounts'
complete -c ehlo -n '__fish_seen_subcommand_from user' -f \
    -a 'add change remove list'
complete -c ehlo -l users -r -d 'file with the accounts'
complete -c ehlo -l password-file -r -d 'read the password from here'
complete -c ehlo -l send-as -x -d 'addresses the account may use'
complete -c ehlo -l version -d 'print the version'
complete -c ehlo -l help -d 'print help'

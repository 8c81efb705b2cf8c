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
complete -c ehlo -n __fish_use_subcommand -f -a check \
    -d 'examine a server or a domain'
complete -c ehlo -n __fish_use_subcommand -f -a mx -d 'the road to a domain'
complete -c ehlo -n __fish_use_subcommand -f -a relay \
    -d 'whose mail a server takes'
complete -c ehlo -n __fish_use_subcommand -f -a tls -d 'certificate, versions'
set -l exam __fish_seen_subcommand_from check relay tls mx
complete -c ehlo -n "$exam" -l html -r -d 'the report as a page, too'
complete -c ehlo -n "$exam" -l strict -d 'a warning is a failure, too'
complete -c ehlo -n "$exam" -l brief -d 'what is good is not listed'
complete -c ehlo -n "$exam" -l resolver -x -d 'asked instead of the system'
complete -c ehlo -n "$exam" -l trust-anchor -r -d 'keys for DNSSEC'
complete -c ehlo -n "$exam" -l inside -x -d 'a domain of the server'
complete -c ehlo -n "$exam" -l smuggling -x -d 'try wrong ends of data'
complete -c ehlo -n "$exam" -l skip -x -d 'leave a step out' -a 'clear \
    injection versions login wrong-password relay names bare-lf smuggling'
complete -c ehlo -n __fish_use_subcommand -f -a load \
    -d 'how many messages a server takes'
complete -c ehlo -n __fish_use_subcommand -f -a send -d 'send one message'
complete -c ehlo -n __fish_use_subcommand -f -a sink \
    -d 'a server that takes all mail'
for sub in load send sink
    complete -c ehlo -n "__fish_seen_subcommand_from $sub" -a "(ehlo help $sub \
        2>/dev/null | string match -rag -- '(?:^|[ ,])(--[a-z0-9][a-z0-9-]*)')"
end

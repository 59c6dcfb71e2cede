"""What the help of each command ends with: lines to copy."""

EXAMPLES = {
    "etlmon": """
  etlmon demo                               see it work, on this host
  etlmon node                               watch this host, with no file at all
  etlmon ui --node http://10.0.0.11:8080    look at a node
  etlmon status                             one snapshot, also for scripts

`etlmon COMMAND --help` tells about a command.""",
    "node": """
  etlmon node                               its mounts, at 127.0.0.1:8080
  etlmon node -c /etc/etlmon/node.yaml      with a configuration
  etlmon node -c node.yaml --check          all its problems; nothing is started
  ETLMON_NODE__LISTEN=[::1]:90 etlmon node  any setting, by the environment

Without -c it reads /etc/etlmon/node.yaml when there is one. SIGHUP reads the
file again.""",
    "ui": """
  etlmon ui                                 the nodes of ui.yaml
  etlmon ui --node http://10.0.0.11:8080 --node unix:/run/etlmon/node.sock
  ssh -N -L 8081:127.0.0.1:8080 etl01 & etlmon ui --node localhost:8081

Without -c it reads ~/.config/etlmon/ui.yaml when there is one, else it looks
at http://localhost:8080. In the UI, `?` lists the keys.""",
    "demo": """
  etlmon demo                               q ends it and leaves nothing behind""",
    "status": """
  etlmon status                             the nodes of ui.yaml
  etlmon status http://10.0.0.11:8080 http://10.0.0.12:8080
  etlmon status --json | jq '.nodes[].problems'

Without -c it reads ~/.config/etlmon/ui.yaml when there is one, else it asks
http://localhost:8080. Exit code 1: a node is down, degraded or unhealthy, a
mount is critical, stuck or not mounted, or a path is in error.""",
    "logs": """
  etlmon logs                               which logs there are
  etlmon logs app -f --grep 'ERROR|FATAL'   what comes, until Ctrl-C
  etlmon logs etl01/app etl02/app --since 2h --time local
  etlmon logs app --severity error --json | jq -r .line

NODE/LOG names a node of ui.yaml; a plain name means that log of every node.
Without -c and --node it asks the nodes of ~/.config/etlmon/ui.yaml when there
is one, else http://localhost:8080. Lines of several logs come in the order of
their times, each behind the name of its log. What may be missing is said on
standard error (-- gap: ...).""",
    "alert list": """
  etlmon alert list                         what is wrong on the nodes of ui.yaml
  etlmon alert list --history --node http://10.0.0.11:8080
  etlmon alert list --json | jq '.[] | select(.severity == "critical")'

Without -c and --node it asks the nodes of ~/.config/etlmon/ui.yaml when there
is one, else http://localhost:8080.""",
    "alert ack": """
  etlmon alert ack 17 --comment "restarting the loader"

Nobody is told of it again until it is over; that it is over is told.""",
    "alert silence": """
  etlmon alert silence                      which silences there are
  etlmon alert silence --for 2h --reason "moving the loader" --rule backlog
  etlmon alert silence --for 1h --from 22:00 --reason "new disks" \\
      --label 'device=~sd.*'
  etlmon alert silence --for 30m --reason "the hall is moved" --all
  etlmon alert silence --end 3

A label may be NAME=VALUE, NAME=!VALUE, NAME=~EXPRESSION or NAME=!~EXPRESSION.
What is silenced stays visible, and is told when the silence ends before it.""",
    "alert backtest": """
  etlmon alert backtest disk_nearly_full --since 7d
  etlmon alert backtest backlog --file new-rules.yaml --since 2026-11-01

Nothing is sent and nothing is changed.""",
    "alert test": """
  etlmon alert test ops-mail

Exit code 1: it did not arrive.""",
    "alert rules": """
  etlmon alert rules
  etlmon alert rules --json | jq -r '.[] | select(.state == "no_data").rule.name'""",
    "alert channels": """
  etlmon alert channels
  etlmon alert channels --json | jq '.[] | select(.failed > 0)'""",
    "alert deliveries": """
  etlmon alert deliveries --state failed    what nobody was told
  etlmon alert deliveries --channel ops-mail --node http://10.0.0.11:8080""",
    "clusters list": """
  etlmon clusters list                      on every node of ui.yaml
  etlmon clusters list --json | jq '.[] | select(.status != "healthy")'

Without -c and --node it asks the nodes of ~/.config/etlmon/ui.yaml when there
is one, else http://localhost:8080.""",
    "clusters register": """
  etlmon clusters register prod https://pve1:8006 --user root@pam
  etlmon clusters register prod pve1 --user etlmon@pve --token mon
  etlmon clusters register b pve2 --user root@pam --password-file secret

The password, or the value of the token, is asked for at the terminal, or read
from a file: it is no argument, which every user of the host could read. A
certificate that nobody vouches for is shown and trusted when you say so;
without a terminal, --fingerprint says it. The node logs in before it answers,
and keeps the secret encrypted.""",
    "clusters deregister": """
  etlmon clusters deregister prod
  etlmon clusters deregister 550e8400-e29b-41d4-a716-446655440000 --yes""",
    "dataproc collect": """
  etlmon dataproc collect                every account, on the nodes of ui.yaml
  etlmon dataproc collect data --node http://10.0.0.11:8080
  etlmon dataproc collect --json | jq '.[] | {account, result, reason}'

It waits for the end of the runs; interrupted, they go on. Without -c and --node
it asks the nodes of ~/.config/etlmon/ui.yaml when there is one, else
http://localhost:8080. Exit code 1: a run is not complete, nobody has such an
account, or a node does not answer.""",
    "dataproc export": """
  etlmon dataproc export > estate.json
  etlmon dataproc export --project data-prod | jq -r '.resources[].name'
  etlmon dataproc export --spaceone > responses.jsonl

What the nodes know is printed; nothing is collected. A cluster that several
nodes read is printed once. What could not be collected stands at the end.
Exit code 1: a node does not answer.""",
    "config check": """
  etlmon config check node.yaml
  etlmon config check --kind ui my-nodes.yaml""",
    "completion": """
  source <(etlmon completion bash)          in ~/.bashrc
  source <(etlmon completion zsh)           in ~/.zshrc, after compinit
  etlmon completion fish > ~/.config/fish/completions/etlmon.fish""",
}

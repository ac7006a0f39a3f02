# shellcheck shell=bash disable=SC2154  # run, logs come from reallogs
# etcd, with each of its two loggers, and RabbitMQ.

etcd_packages() { echo etcd-server curl; }

# etcd_up NAME LOGGER CLIENT-PORT PEER-PORT CLUSTER
etcd_up() {
  local log=$logs/etcd/$1.log
  launch "$1" bash -c "exec etcd --name '$1' --data-dir '$run/etcd/$1' --logger '$2' --log-outputs stderr \
    --listen-client-urls 'http://127.0.0.1:$3' --advertise-client-urls 'http://127.0.0.1:$3' \
    --listen-peer-urls 'http://127.0.0.1:$4' --initial-advertise-peer-urls 'http://127.0.0.1:$4' \
    --initial-cluster '$5' --snapshot-count 500 --heartbeat-interval 50 --election-timeout 500 2>>'$log'"
}

# etcd_use PORT: reads, writes and mistakes.
etcd_use() {
  local i url=http://127.0.0.1:$1
  for ((i = 0; i < 600; i++)); do
    get "$url/v3/kv/put" -d "{\"key\":\"a2V5\",\"value\":\"$(printf '%s' "v$i" | base64)\"}"
  done
  get "$url/v3/kv/range" -d '{"key":"a2V5"}'
  get "$url/v3/kv/range" -d 'nonsense'
  get "$url/v3/kv/compaction" -d '{"revision":"100"}'
  get "$url/v3/maintenance/defragment" -d '{}'
  get "$url/v3/maintenance/alarm" -d '{"action":"ACTIVATE","memberID":"1","alarm":"NOSPACE"}'
  get "$url/v3/kv/put" -d '{"key":"a2V5","value":"dg=="}'
  get "$url/v3/cluster/member/add" -d '{"peerURLs":["http://127.0.0.1:9"]}'
  get "$url/v3/auth/enable" -d '{}'
  get "$url/v2/keys/none"
  get "$url/health"
}

# etcd_cluster LOGGER FIRST-PORT
etcd_cluster() {
  local c n i=$2
  c="$1-a=http://127.0.0.1:$(port $(($2 + 1))),$1-b=http://127.0.0.1:$(port $(($2 + 3))),$1-c=http://127.0.0.1:$(port $(($2 + 5)))"
  for n in a b c; do
    etcd_up "$1-$n" "$1" "$(port "$i")" "$(port $((i + 1)))" "$c"
    i=$((i + 2))
  done
  await "$1-a" curl -fsS --noproxy '*' "http://127.0.0.1:$(port "$2")/health"
  etcd_use "$(port "$2")"
  halt "$1-b" KILL
  sleep 2
  get "http://127.0.0.1:$(port "$2")/v3/kv/put" -d '{"key":"a2V5","value":"dg=="}'
  etcd_up "$1-b" "$1" "$(port $(($2 + 2)))" "$(port $(($2 + 3)))" "$c"
  sleep 2
  talk "$(port $(($2 + 1)))" 'NONSENSE\r\n\r\n'
  halt "$1-c" STOP & # a member that hangs
  sleep 3
  for n in a b c; do
    kill -CONT "${groups[$1-$n]}" 2>/dev/null || true
    halt "$1-$n"
  done
  wait $! || true
}

etcd_exercise() {
  etcd_cluster zap 40
  etcd_cluster capnslog 46
}

rabbitmq_packages() { echo rabbitmq-server; }

# rabbitmq_env COMMAND...: a command, or a function, with the node's settings.
rabbitmq_env() {
  local -x HOME=$run/rabbitmq RABBITMQ_NODENAME=reallogs@localhost RABBITMQ_CONFIG_FILE=$run/rabbitmq/rabbitmq
  local -x RABBITMQ_ENABLED_PLUGINS_FILE=$run/rabbitmq/enabled_plugins RABBITMQ_MNESIA_BASE=$run/rabbitmq/mnesia
  local -x RABBITMQ_LOG_BASE=$logs/rabbitmq RABBITMQ_DIST_PORT ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT
  local -x RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
  RABBITMQ_DIST_PORT=$(port 61)
  ERL_EPMD_PORT=$(port 62)
  "$@"
}

# ctl ARGUMENTS...: a command to the node, whose outcome does not matter.
ctl() { rabbitmq_env timeout 30 /usr/lib/rabbitmq/bin/rabbitmqctl "$@" || true; }

# amqp_login NAME PASSWORD: opens a connection as AMQP 0-9-1 does, and leaves.
amqp_login() {
  local answer start
  answer=$(printf '\\0%s\\0%s' "$1" "$2")
  # start-ok: no properties, PLAIN, the answer, en_US
  local size=$((4 + 4 + 6 + 4 + 2 + ${#1} + ${#2} + 6))
  start=$(printf '\\x01\\x00\\x00\\x00\\x00\\x00\\x%02x\\x00\\x0a\\x00\\x0b\\x00\\x00\\x00\\x00\\x05PLAIN\\x00\\x00\\x00\\x%02x%s\\x05en_US\\xce' \
    "$size" $((2 + ${#1} + ${#2})) "$answer")
  talk "$(port 60)" "AMQP\\x00\\x00\\x09\\x01$start"
}

rabbitmq_up() {
  rabbitmq_env launch rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server
  await rabbitmq listening "$(port 60)"
  ctl await_startup
}

rabbitmq_exercise() {
  local home=$run/rabbitmq i
  printf 'listeners.tcp.1 = 127.0.0.1:%s\nlog.file.level = debug\n' "$(port 60)" >"$home/rabbitmq.conf"
  echo '[].' >"$home/enabled_plugins"
  launch epmd env ERL_EPMD_ADDRESS=127.0.0.1 epmd -port "$(port 62)"
  rabbitmq_up
  ctl add_user app secret
  ctl add_vhost site
  ctl set_permissions -p site app '.*' '.*' '.*'
  ctl set_policy ha '.*' '{"max-length":10}'
  for ((i = 0; i < 20; i++)); do
    talk "$(port 60)" 'GET / HTTP/1.0\r\n\r\n'
    talk "$(port 60)" 'AMQP\x00\x00\x09\x01'
    amqp_login guest wrong
    amqp_login nobody nothing
    amqp_login app secret
  done
  ctl authenticate_user app wrong
  ctl eval 'spawn(fun() -> 1/0 end).'
  ctl eval 'spawn(fun() -> exit({shutdown, crashed}) end).'
  ctl eval 'rabbit_log:error("one~ntwo~n  three").'
  ctl eval 'rabbit_log:warning("Gr~p ~ts", [x, <<"Grüße"/utf8>>]).'
  ctl eval 'logger:critical("critical"), logger:alert("alert"), logger:emergency("emergency"), logger:notice("notice").'
  ctl eval 'exit(whereis(rabbit_node_monitor), kill).'
  ctl set_vm_memory_high_watermark 0.00001
  sleep 2
  ctl set_vm_memory_high_watermark 0.4
  ctl rotate_logs
  ctl stop_app
  ctl start_app
  ctl delete_vhost site
  ctl close_all_connections reason
  halt rabbitmq KILL
  sleep 1
  rabbitmq_up
  ctl stop
  sleep 3
  halt rabbitmq
  halt epmd
}

# shellcheck shell=bash disable=SC2154  # run comes from servers
# RabbitMQ from Debian, with an Erlang port mapper of its own.

rabbitmq_packages() { echo rabbitmq-server; }
rabbitmq_install() { :; }

rabbitmq_start() {
  local home=$run/rabbitmq
  mkdir -p "$home"
  cat >"$home/rabbitmq.conf" <<EOF
listeners.tcp.1 = 127.0.0.1:$(port 10)
EOF
  : >"$home/enabled_plugins"
  echo '[].' >"$home/enabled_plugins"
  launch epmd env ERL_EPMD_ADDRESS=127.0.0.1 epmd -port "$(port 12)"
  launch rabbitmq env HOME="$home" RABBITMQ_NODENAME=tocsin@localhost RABBITMQ_CONFIG_FILE="$home/rabbitmq" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins" RABBITMQ_MNESIA_BASE="$home/mnesia" RABBITMQ_LOG_BASE="$home/logs" \
    RABBITMQ_DIST_PORT="$(port 11)" ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$(port 12)" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
    /usr/lib/rabbitmq/bin/rabbitmq-server
}
rabbitmq_ready() { await rabbitmq 120 listening "$(port 10)"; }
rabbitmq_running() { alive rabbitmq; }
rabbitmq_env() {
  echo "TOCSIN_TEST_RABBITMQ_URL=amqp://guest:guest@127.0.0.1:$(port 10)/"
}
rabbitmq_stop() {
  halt rabbitmq
  halt epmd
}
rabbitmq_version() { dpkg-query -W -f 'RabbitMQ ${Version}\n' rabbitmq-server; }

# shellcheck shell=bash disable=SC2154  # run comes from servers
# collectd is a client: the tests start it themselves, with their own
# configuration. Alertmanager is a server.

collectd_packages() { echo collectd-core libyajl2; } # write_http wants the library
collectd_install() { :; }
collectd_start() { :; }
collectd_ready() { :; }
collectd_running() { [[ -x /usr/sbin/collectd ]]; }
collectd_env() { echo "TOCSIN_TEST_COLLECTD_URL=/usr/sbin/collectd"; }
collectd_stop() { :; }
collectd_version() { dpkg-query -W -f 'collectd ${Version}\n' collectd-core; }

alertmanager_packages() { echo prometheus-alertmanager; }
alertmanager_install() { :; }
alertmanager_start() {
  local home=$run/alertmanager
  mkdir -p "$home"
  printf 'route: {receiver: none}\nreceivers: [{name: none}]\n' >"$home/config.yml"
  launch alertmanager prometheus-alertmanager --config.file="$home/config.yml" --storage.path="$home/data" \
    --web.listen-address="127.0.0.1:$(port 21)" --cluster.listen-address=
}
alertmanager_ready() { await alertmanager 30 answers "http://127.0.0.1:$(port 21)/-/ready"; }
alertmanager_running() { alive alertmanager; }
alertmanager_env() { echo "TOCSIN_TEST_ALERTMANAGER_URL=http://127.0.0.1:$(port 21)"; }
alertmanager_stop() { halt alertmanager; }
alertmanager_version() { dpkg-query -W -f 'Alertmanager ${Version}\n' prometheus-alertmanager; }

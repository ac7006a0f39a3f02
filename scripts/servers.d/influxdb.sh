# shellcheck shell=bash disable=SC2154  # dir, tools, run come from servers
# InfluxDB 1.8.10, built from source; InfluxDB 1.6, from Debian.

influxdb_packages() { :; }

influxdb_install() {
  [[ -x $tools/influxd ]] || GOBIN=$tools GOFLAGS=-mod=mod go install \
    -ldflags '-X main.version=1.8.10' github.com/influxdata/influxdb/cmd/influxd@v1.8.10
}

# influx_config NAME HTTP-PORT RPC-PORT: writes the configuration.
influx_config() {
  local home=$run/$1
  mkdir -p "$home"
  cat >"$home/influxdb.conf" <<EOF
reporting-disabled = true
bind-address = "127.0.0.1:$3"
[meta]
  dir = "$home/meta"
[data]
  dir = "$home/data"
  wal-dir = "$home/wal"
  index-version = "tsi1"
[http]
  bind-address = "127.0.0.1:$2"
  log-enabled = false
[monitor]
  store-enabled = false
EOF
}

influxdb_start() {
  influx_config influxdb "$(port 1)" "$(port 2)"
  launch influxdb "$tools/influxd" -config "$run/influxdb/influxdb.conf"
}
influxdb_ready() { await influxdb 60 answers "http://127.0.0.1:$(port 1)/ping"; }
influxdb_running() { alive influxdb; }
influxdb_env() { echo "TOCSIN_TEST_INFLUXDB_URL=http://127.0.0.1:$(port 1)"; }
influxdb_stop() { halt influxdb; }
influxdb_version() { "$tools/influxd" version | awk '{print "InfluxDB " $2}' | sed 's/ v/ /'; }

influxdb16_packages() { echo influxdb; }
influxdb16_install() { :; }
influxdb16_start() {
  influx_config influxdb16 "$(port 3)" "$(port 4)"
  launch influxdb16 /usr/bin/influxd -config "$run/influxdb16/influxdb.conf"
}
influxdb16_ready() { await influxdb16 60 answers "http://127.0.0.1:$(port 3)/ping"; }
influxdb16_running() { alive influxdb16; }
influxdb16_env() { echo "TOCSIN_TEST_INFLUXDB16_URL=http://127.0.0.1:$(port 3)"; }
influxdb16_stop() { halt influxdb16; }
influxdb16_version() { dpkg-query -W -f 'InfluxDB ${Version}\n' influxdb; }

victoriametrics_packages() { echo victoria-metrics; }
victoriametrics_install() { :; }
victoriametrics_start() {
  launch victoriametrics victoria-metrics -httpListenAddr "127.0.0.1:$(port 5)" \
    -storageDataPath "$run/victoriametrics/data" -retentionPeriod 200y
}
victoriametrics_ready() { await victoriametrics 60 answers "http://127.0.0.1:$(port 5)/health"; }
victoriametrics_running() { alive victoriametrics; }
victoriametrics_env() { echo "TOCSIN_TEST_VICTORIAMETRICS_URL=http://127.0.0.1:$(port 5)"; }
victoriametrics_stop() { halt victoriametrics; }
victoriametrics_version() { dpkg-query -W -f 'VictoriaMetrics ${Version}\n' victoria-metrics; }

# shellcheck shell=bash disable=SC2154  # dir, tools, run, repo come from servers
# What takes metrics, logs, mail and events over the usual protocols: Prometheus,
# Exim and the program webhook from Debian, and an OpenTelemetry collector.

prometheus_packages() { echo prometheus; }
prometheus_install() { :; }
# It scrapes what the tests name in files of the folder targets. Only with a window
# for samples out of order does it take what is sent again.
prometheus_start() {
  local home=$run/prometheus
  mkdir -p "$home/targets"
  cat >"$home/prometheus.yml" <<YAML
global: {scrape_interval: 1s, scrape_timeout: 1s}
storage: {tsdb: {out_of_order_time_window: 30m}}
scrape_configs:
- job_name: tests
  file_sd_configs: [{files: ["$home/targets/*.json"], refresh_interval: 1s}]
YAML
  launch prometheus prometheus --config.file="$home/prometheus.yml" --storage.tsdb.path="$home/data" \
    --web.listen-address="127.0.0.1:$(port 22)" --web.enable-remote-write-receiver
}
prometheus_ready() { await prometheus 30 answers "http://127.0.0.1:$(port 22)/-/ready"; }
prometheus_running() { alive prometheus; }
prometheus_env() {
  echo "TOCSIN_TEST_PROMETHEUS_URL=http://127.0.0.1:$(port 22)"
  echo "TOCSIN_TEST_PROMETHEUS_TARGETS=$run/prometheus/targets"
}
prometheus_stop() { halt prometheus; }
prometheus_version() { dpkg-query -W -f 'Prometheus ${Version}\n' prometheus; }

otelcol_packages() { :; }
otelcol_install() {
  local source=$repo/testdata/otelcol
  [[ $tools/otelcol -nt $source/main.go && $tools/otelcol -nt $source/go.mod ]] || (cd "$source" && go build -o "$tools/otelcol" .)
}
otelcol_start() {
  local home=$run/otelcol
  mkdir -p "$home"
  cat >"$home/config.yml" <<YAML
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:$(port 23)"}}}
exporters:
  file: {path: "$home/received", append: true, flush_interval: 50ms}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], exporters: [file]}
    metrics: {receivers: [otlp], exporters: [file]}
YAML
  launch otelcol "$tools/otelcol" --config "$home/config.yml"
}
otelcol_ready() { await otelcol 30 listening "$(port 23)"; }
otelcol_running() { alive otelcol; }
otelcol_env() {
  echo "TOCSIN_TEST_OTELCOL_URL=http://127.0.0.1:$(port 23)"
  echo "TOCSIN_TEST_OTELCOL_FILE=$run/otelcol/received"
}
otelcol_stop() { halt otelcol; }
otelcol_version() { "$tools/otelcol" --version | sed 's/otelcol version/OpenTelemetry collector/'; }

webhook_packages() { echo webhook; }
webhook_install() { :; }
# It takes what is signed with the tests' secret, and appends it to a file.
webhook_start() {
  local home=$run/webhook
  mkdir -p "$home"
  cat >"$home/append" <<SH
#!/bin/sh
printf '%s\\n' "\$1" >>"$home/received"
SH
  chmod 755 "$home/append"
  cat >"$home/hooks.json" <<JSON
[{
  "id": "tocsin",
  "execute-command": "$home/append",
  "include-command-output-in-response": true,
  "pass-arguments-to-command": [{"source": "entire-payload"}],
  "trigger-rule-mismatch-http-response-code": 403,
  "trigger-rule": {"match": {
    "type": "payload-hmac-sha256", "secret": "a secret of the tests",
    "parameter": {"source": "header", "name": "X-Tocsin-Signature"}
  }}
}]
JSON
  launch webhook webhook -hooks "$home/hooks.json" -ip 127.0.0.1 -port "$(port 24)" -verbose
}
webhook_ready() { await webhook 30 listening "$(port 24)"; }
webhook_running() { alive webhook; }
webhook_env() {
  echo "TOCSIN_TEST_WEBHOOK_URL=http://127.0.0.1:$(port 24)/hooks/tocsin"
  echo "TOCSIN_TEST_WEBHOOK_FILE=$run/webhook/received"
}
webhook_stop() { halt webhook; }
webhook_version() { dpkg-query -W -f 'webhook ${Version}\n' webhook; }

exim_packages() { echo exim4-daemon-light openssl; }
exim_install() { :; }
# It keeps the mail for everybody but nobody@ in one file. Mail over STARTTLS and
# with a login is marked as such by the protocol in its first Received line.
exim_start() {
  local home=$run/exim
  mkdir -p "$home"/{spool,logs,mail}
  [[ -e $home/cert.pem ]] || openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$home/key.pem" -out "$home/cert.pem" 2>/dev/null
  cat >"$home/exim.conf" <<EXIM
primary_hostname = localhost
spool_directory = $home/spool
log_file_path = $home/logs/%slog
pid_file_path = $home/pid
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
tls_certificate = $home/cert.pem
tls_privatekey = $home/key.pem
message_size_limit = 1M
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  deny local_parts = nobody
  defer local_parts = later
  accept
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = $home/mail/inbox
  user = Debian-exim
  group = Debian-exim
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and {{eq{\$auth2}{tocsin}}{eq{\$auth3}{secret}}}}
  server_set_id = \$auth2
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = \${if eq{\$auth1}{tocsin}{secret}fail}
  server_set_id = \$auth1
EXIM
  chown -R Debian-exim: "$home/spool" "$home/logs" "$home/mail" "$home/key.pem"
  launch exim exim4 -C "$home/exim.conf" -bdf -oX "127.0.0.1.$(port 25)" -oP "$home/pid"
}
exim_ready() { await exim 30 listening "$(port 25)"; }
exim_running() { alive exim; }
exim_env() {
  echo "TOCSIN_TEST_EXIM_URL=127.0.0.1:$(port 25)"
  echo "TOCSIN_TEST_EXIM_CA=$run/exim/cert.pem"
  echo "TOCSIN_TEST_EXIM_FILE=$run/exim/mail/inbox"
}
exim_stop() { halt exim; }
exim_version() { dpkg-query -W -f 'Exim ${Version}\n' exim4-daemon-light; }

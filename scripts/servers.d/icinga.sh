# shellcheck shell=bash disable=SC2154  # run comes from servers
# Icinga 2 from Debian, with its REST interface.

icinga_packages() { echo icinga2-bin; }
icinga_install() { :; }

icinga_start() {
  local home=$run/icinga
  # It would give its rights up otherwise, and could not enter our folder.
  export ICINGA2_USER ICINGA2_GROUP
  ICINGA2_USER=$(id -un) ICINGA2_GROUP=$(id -gn)
  ! alive icinga || return 0
  mkdir -p "$home"/{certs,data,cache,logs,run,spool}
  if [[ ! -e $home/certs/localhost.crt ]]; then
    icinga2 pki new-ca -D "DataDir=$home/data" >/dev/null
    icinga2 pki new-cert --cn localhost --key "$home/certs/localhost.key" --csr "$home/certs/localhost.csr" >/dev/null
    icinga2 pki sign-csr -D "DataDir=$home/data" --csr "$home/certs/localhost.csr" --cert "$home/certs/localhost.crt" >/dev/null
    cp "$home/data/ca/ca.crt" "$home/certs/ca.crt"
    mkdir -p "$home/data/certs"
    cp "$home/certs/"* "$home/data/certs/"
  fi
  cat >"$home/icinga2.conf" <<EOF
include <itl>
const NodeName = "localhost"
const ZoneName = NodeName
object Endpoint NodeName { }
object Zone ZoneName { endpoints = [ NodeName ] }
object CheckerComponent "checker" { }
object ApiListener "api" {
  bind_host = "127.0.0.1"
  bind_port = "$(port 14)"
}
object ApiUser "tocsin" {
  password = "secret"
  permissions = [ "*" ]
}
object Host "node-1" {
  check_command = "dummy"
  enable_active_checks = false
}
for (name in [ "cpu", "memory", "disk" ]) {
  object Service name {
    host_name = "node-1"
    check_command = "passive"
    enable_active_checks = false
    max_check_attempts = 1
  }
}
EOF
  launch icinga icinga2 daemon -c "$home/icinga2.conf" -D Configuration.Concurrency=1 \
    -D "DataDir=$home/data" -D "CacheDir=$home/cache" -D "LogDir=$home/logs" -D "InitRunDir=$home/run" \
    -D "SpoolDir=$home/spool"
}
icinga_ready() { await icinga 60 answers "https://127.0.0.1:$(port 14)/v1" -k -u tocsin:secret; }
icinga_running() { alive icinga; }
icinga_env() {
  echo "TOCSIN_TEST_ICINGA_URL=https://tocsin:secret@127.0.0.1:$(port 14)"
  echo "TOCSIN_TEST_ICINGA_CA=$run/icinga/certs/ca.crt"
}
icinga_stop() { halt icinga; }
icinga_version() { dpkg-query -W -f 'Icinga ${Version}\n' icinga2-bin; }

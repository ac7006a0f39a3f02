# shellcheck shell=bash disable=SC2154  # dir, tools, run come from servers
# rsyslog from Debian; syslog-ng from Debian, too, but unpacked into the tools
# folder, as its package does not go with rsyslog's.

rsyslog_packages() { echo rsyslog; }
rsyslog_install() { :; }
rsyslog_start() {
  local home=$run/rsyslog
  mkdir -p "$home/work"
  cat >"$home/rsyslog.conf" <<EOF
global(workDirectory="$home/work" maxMessageSize="64k")
module(load="imudp")
module(load="imtcp")
template(name="parts" type="list") {
  property(name="pri") constant(value="|") property(name="timestamp" dateFormat="rfc3339") constant(value="|")
  property(name="hostname") constant(value="|") property(name="app-name") constant(value="|")
  property(name="procid") constant(value="|") property(name="msg") constant(value="\n")
}
ruleset(name="all") { action(type="omfile" file="$home/messages" template="parts" asyncWriting="off") }
input(type="imudp" address="127.0.0.1" port="$(port 15)" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="$(port 16)" ruleset="all" SupportOctetCountedFraming="on")
EOF
  launch rsyslog rsyslogd -n -f "$home/rsyslog.conf" -i "$home/pidfile"
}
rsyslog_ready() { await rsyslog 30 listening "$(port 16)"; }
rsyslog_running() { alive rsyslog; }
rsyslog_env() {
  echo "TOCSIN_TEST_RSYSLOG_URL=127.0.0.1:$(port 16)"
  echo "TOCSIN_TEST_RSYSLOG_UDP=127.0.0.1:$(port 15)"
  echo "TOCSIN_TEST_RSYSLOG_FILE=$run/rsyslog/messages"
}
rsyslog_stop() { halt rsyslog; }
rsyslog_version() { dpkg-query -W -f 'rsyslog ${Version}\n' rsyslog; }

syslogng_root() { echo "$tools/syslog-ng/root"; }
syslogng_packages() { echo libivykis0 libjson-c5 libnet1 libpcre3 libwrap0 openssl; }
syslogng_install() {
  local home=$tools/syslog-ng
  [[ ! -x $(syslogng_root)/usr/sbin/syslog-ng ]] || return 0
  rm -rf "$home"
  mkdir -p "$home"
  (cd "$home" && apt-get download -qq syslog-ng-core && dpkg -x ./*.deb root)
}
# syslogng_run ARGUMENTS...: the program with the libraries beside it.
syslogng_run() {
  local root
  root=$(syslogng_root)
  LD_LIBRARY_PATH=$root/usr/lib/syslog-ng "$root/usr/sbin/syslog-ng" "$@"
}
syslogng_start() {
  local home=$run/syslogng root
  root=$(syslogng_root)
  mkdir -p "$home"
  [[ -e $home/cert.pem ]] || openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$home/key.pem" -out "$home/cert.pem" 2>/dev/null
  cat >"$home/syslog-ng.conf" <<EOF
@version: 3.38
options { keep-hostname(yes); chain-hostnames(no); use-dns(no); flush-lines(1); log-msg-size(65536); };
source udp { syslog(transport("udp") ip(127.0.0.1) port($(port 18))); };
source line { network(transport("tcp") ip(127.0.0.1) port($(port 19)) flags(syslog-protocol)); };
source secure {
  syslog(transport("tls") ip(127.0.0.1) port($(port 20))
    tls(key-file("$home/key.pem") cert-file("$home/cert.pem") peer-verify(optional-untrusted)));
};
destination all { file("$home/messages" template("\$PRI|\$ISODATE|\$HOST|\$PROGRAM|\$PID|\$MSG\n")); };
log { source(udp); source(line); source(secure); destination(all); };
EOF
  launch syslogng env LD_LIBRARY_PATH="$root/usr/lib/syslog-ng" "$root/usr/sbin/syslog-ng" --foreground --no-caps \
    --module-path "$root/usr/lib/syslog-ng/3.38" -f "$home/syslog-ng.conf" -R "$home/persist" -p "$home/pidfile" -c "$home/control"
}
syslogng_ready() { await syslogng 30 listening "$(port 20)"; }
syslogng_running() { alive syslogng; }
syslogng_env() {
  echo "TOCSIN_TEST_SYSLOGNG_URL=127.0.0.1:$(port 19)"
  echo "TOCSIN_TEST_SYSLOGNG_UDP=127.0.0.1:$(port 18)"
  echo "TOCSIN_TEST_SYSLOGNG_TLS=127.0.0.1:$(port 20)"
  echo "TOCSIN_TEST_SYSLOGNG_CA=$run/syslogng/cert.pem"
  echo "TOCSIN_TEST_SYSLOGNG_FILE=$run/syslogng/messages"
}
syslogng_stop() { halt syslogng; }
syslogng_version() { syslogng_run --version | sed -n 's/^Installer-Version: /syslog-ng /p'; }

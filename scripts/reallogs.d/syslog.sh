# shellcheck shell=bash disable=SC2154  # run, logs come from reallogs
# rsyslog, writing what it gets in its three common formats.

rsyslog_packages() { echo rsyslog bsdutils; }

rsyslog_up() {
  local home=$run/rsyslog out=$logs/rsyslog
  mkdir -p "$home/work" "$out" "$logs/haproxy"
  cat >"$home/rsyslog.conf" <<END
global(workDirectory="$home/work" maxMessageSize="64k")
module(load="imudp")
module(load="imtcp")
module(load="imuxsock" SysSock.Use="off")
module(load="immark" interval="2")
template(name="priority" type="string" string="<%PRI%>%TIMESTAMP% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg%\n")
ruleset(name="all") {
  action(type="omfile" file="$out/traditional.log" template="RSYSLOG_TraditionalFileFormat")
  action(type="omfile" file="$out/file.log" template="RSYSLOG_FileFormat")
  action(type="omfile" file="$out/protocol23.log" template="RSYSLOG_SyslogProtocol23Format")
  action(type="omfile" file="$out/priority.log" template="priority")
}
ruleset(name="proxy") { action(type="omfile" file="$logs/haproxy/haproxy.log" template="RSYSLOG_TraditionalFileFormat") }
input(type="imudp" address="127.0.0.1" port="$(port 10)" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="$(port 12)" ruleset="all" SupportOctetCountedFraming="on")
input(type="imudp" address="127.0.0.1" port="$(port 11)" ruleset="proxy")
input(type="imuxsock" socket="$home/log" createPath="on" ruleset="all")
syslog.* call all
*.* call all
END
  launch rsyslog rsyslogd -n -f "$home/rsyslog.conf" -i "$home/pidfile"
  await rsyslog listening "$(port 12)"
}

rsyslog_exercise() {
  local i level socket=$run/rsyslog/log
  running rsyslog || rsyslog_up
  for level in emerg alert crit err warning notice info debug; do
    for i in kern user mail daemon auth syslog lpr news cron authpriv local0 local7; do
      logger -u "$socket" -p "$i.$level" -t "prog-$i" "level $level of facility $i"
      logger -n 127.0.0.1 -P "$(port 10)" -d --rfc3164 -p "$i.$level" -t "prog-$i" -i "over UDP: $level"
      logger -n 127.0.0.1 -P "$(port 12)" -T --rfc5424 -p "$i.$level" -t "prog-$i" --id=4242 "over TCP: $level"
    done
  done
  seq 1 3000 | sed 's/^/line number /' | logger -u "$socket" -t load
  logger -u "$socket" -t app --id=77 -- $'two\nlines and a\ttab'
  logger -u "$socket" -t app -- ''
  logger -u "$socket" -t app -- 'Grüße, 你好, "quoted", [brackets] <38> 100%'
  logger -u "$socket" -t 'tag/with.odd-chars_9' -- 'odd tag'
  logger -u "$socket" -t sshd --id=999 -- 'Failed password for invalid user admin from 203.0.113.9 port 4242 ssh2'
  logger -n 127.0.0.1 -P "$(port 12)" -T --rfc5424 --sd-id zone@32473 --sd-param 'name="a \"b\""' -t sd 'structured'
  logger -n 127.0.0.1 -P "$(port 12)" -T --octet-count --rfc5424 -t counted 'octet counted'
  talk "$(port 12)" '<34>Oct 11 22:14:15 mymachine su: su root failed for lonvick on /dev/pts/8\n'
  talk "$(port 12)" '<13>no header at all\n'
  talk "$(port 12)" 'nothing\n'
  talk "$(port 12)" '<191>1 2003-10-11T22:14:15.003Z host.example.com evntslog - ID47 [x@1 a="b"][y@2] \xef\xbb\xbfwith a mark\n'
  head -c 9000 /dev/zero | tr '\0' x | logger -u "$socket" -t long --size 9000
  kill -HUP "${groups[rsyslog]}"
  sleep 3
}

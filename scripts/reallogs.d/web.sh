# shellcheck shell=bash disable=SC2154  # run, logs come from reallogs
# nginx, Apache and haproxy: load, errors, bad requests, reloads.

nginx_packages() { echo nginx-light apache2-utils curl; }

nginx_configure() {
  local home=$run/nginx
  mkdir -p "$home/www/private"
  echo ok >"$home/www/index.html"
  echo "user:$(openssl passwd -apr1 secret)" >"$home/users"
  cat >"$home/nginx.conf" <<END
user root;
worker_processes 2;
pid $home/pid;
error_log $logs/nginx/error.log info;
events { worker_connections 512; }
http {
  client_body_temp_path $home/t1; proxy_temp_path $home/t2; fastcgi_temp_path $home/t3;
  uwsgi_temp_path $home/t4; scgi_temp_path $home/t5;
  client_max_body_size 1k;
  client_header_timeout 1s;
  limit_req_zone \$binary_remote_addr zone=slow:1m rate=1r/s;
  log_format timed '\$remote_addr - \$remote_user [\$time_local] "\$request" \$status \$body_bytes_sent '
    '"\$http_referer" "\$http_user_agent" \$request_time \$upstream_response_time';
  access_log $logs/nginx/access.log combined;
  upstream dead { server 127.0.0.1:$(port 9); server 127.0.0.1:$(port 8); }
  server {
    listen 127.0.0.1:$(port 1) backlog=511;
    listen unix:$home/socket;
    root $home/www;
    location /limited { limit_req zone=slow; try_files /index.html =404; }
    location /private { auth_basic on; auth_basic_user_file $home/users; }
    location /dead { proxy_pass http://dead; proxy_connect_timeout 1s; }
    location /again { return 301 /; }
    location /broken { return 500; }
    location /timed { access_log $logs/nginx/timed.log timed; proxy_pass http://127.0.0.1:$(port 1)/; }
  }
}
END
}

nginx_exercise() {
  local home=$run/nginx web i
  web=http://127.0.0.1:$(port 1)
  nginx_configure
  launch nginx nginx -c "$home/nginx.conf" -g 'daemon off;'
  await nginx listening "$(port 1)"
  ab -q -n 20000 -c 16 "$web/" >/dev/null
  ab -q -k -n 2000 -c 4 "$web/timed" >/dev/null
  for ((i = 0; i < 20; i++)); do
    get "$web/missing-$i?q=a%20b&c=d" -A "agent \"quoted\" $i" -e 'https://example.org/?x="y"'
    get "$web/limited"
    get "$web/dead/$i"
  done
  get "$web/private/" -u user:wrong
  get "$web/private/" -u nobody:secret
  get "$web/private/" -u user:secret
  get "$web/again"
  get "$web/broken" -X DELETE
  get "$web/" -X OPTIONS
  get "$web/" --data-binary "$(head -c 4000 /dev/zero | tr '\0' x)"
  get "$web/$(head -c 6000 /dev/zero | tr '\0' u)"
  get "$web/%e4%bd%a0/ÄÖ?ü=ß" -A 'Ünïcode – agent'
  get "http://localhost/" --unix-socket "$home/socket"
  get "$web/../../etc/passwd" --path-as-is
  talk "$(port 1)" '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'
  talk "$(port 1)" 'GET /no-version\r\n'
  talk "$(port 1)" 'NONSENSE\r\n\r\n'
  talk "$(port 1)" 'GET / HTTP/1.1\r\n\r\n'
  talk "$(port 1)" 'GET / HTTP/9.9\r\nHost: a\r\n\r\n'
  talk "$(port 1)" 'GET / HTT'
  : | talk "$(port 1)" ''
  nginx -c "$home/nginx.conf" -s reload
  sleep 1
  get "$web/after-reload"
  mv "$logs/nginx/access.log" "$logs/nginx/access.log.1"
  nginx -c "$home/nginx.conf" -s reopen
  sleep 1
  ab -q -n 3000 -c 4 "$web/index.html" >/dev/null
  halt nginx QUIT
}

apache_packages() { echo apache2 apache2-utils curl; }

apache_exercise() {
  local home=$run/apache web i modules=/usr/lib/apache2/modules name
  web=http://127.0.0.1:$(port 15)
  mkdir -p "$home/www"
  echo ok >"$home/www/index.html"
  {
    for name in mpm_event authz_core alias dir; do echo "LoadModule ${name}_module $modules/mod_$name.so"; done
    cat <<END
ServerName localhost
ServerRoot $home
Listen 127.0.0.1:$(port 15)
PidFile $home/pid
ErrorLog $home/error.log
DocumentRoot $home/www
DirectoryIndex index.html
Redirect 301 /again /
<Location /private>
  Require all denied
</Location>
LogFormat "%v:%p %h %l %u %t \\"%r\\" %>s %D %O \\"%{Referer}i\\" \\"%{User-Agent}i\\" %{X-Forwarded-For}i" timed
CustomLog $logs/apache/access.log timed
CustomLog $logs/apache/horizon.log "%h %l %u %t %m \\"%U%q\\" %H %>s %O %D \\"%{Referer}i\\" \\"%{User-Agent}i\\""
END
  } >"$home/apache.conf"
  launch apache apache2 -f "$home/apache.conf" -DFOREGROUND
  await apache listening "$(port 15)"
  ab -q -n 10000 -c 8 "$web/" >/dev/null
  for ((i = 0; i < 20; i++)); do
    get "$web/missing-$i?q=a%20b&c=d" -A "agent \"quoted\" $i" -e 'https://example.org/?x="y"' -H "X-Forwarded-For: 10.0.0.$i"
    get "$web/again" -A 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/56.0 Safari/537.36'
  done
  get "$web/private"
  get "$web/" -X OPTIONS
  get "$web/" -X DELETE
  get "$web/$(head -c 9000 /dev/zero | tr '\0' u)"
  get "$web/%e4%bd%a0/ÄÖ?ü=ß" -A 'Ünïcode – agent' -H 'X-Forwarded-For: unknown'
  talk "$(port 15)" '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'
  talk "$(port 15)" 'NONSENSE\r\n\r\n'
  talk "$(port 15)" 'GET / HTTP/1.1\r\n\r\n'
  talk "$(port 15)" 'GET / HTTP/9.9\r\nHost: a\r\n\r\n'
  talk "$(port 15)" 'GET / HTT'
  halt apache
}

haproxy_packages() { echo haproxy apache2-utils curl rsyslog; }

haproxy_exercise() {
  local home=$run/haproxy web
  web=http://127.0.0.1:$(port 20)
  running rsyslog || rsyslog_up
  cat >"$home/haproxy.cfg" <<END
global
  log 127.0.0.1:$(port 11) local0
  stats socket $home/admin level admin
defaults
  log global
  option httplog
  mode http
  timeout connect 500ms
  timeout client 2s
  timeout server 2s
frontend web
  bind 127.0.0.1:$(port 20)
  capture request header Host len 32
  http-request deny if { path_beg /denied }
  http-request return status 200 content-type text/plain string ok if { path /ok }
  use_backend none if { path_beg /none }
  use_backend slow if { path_beg /slow }
  default_backend app
frontend plain
  bind 127.0.0.1:$(port 21)
  mode tcp
  option tcplog
  default_backend tcpapp
frontend secure
  bind 127.0.0.1:$(port 24) ssl crt $home/cert.pem
  default_backend app
backend app
  option httpchk GET /ok
  server one 127.0.0.1:$(port 23) check inter 300ms fall 1 rise 1
  server two 127.0.0.1:$(port 8) check inter 300ms fall 1
backend tcpapp
  mode tcp
  server one 127.0.0.1:$(port 23)
backend none
backend slow
  server one 127.0.0.1:$(port 8)
listen app-stub
  no log
  bind 127.0.0.1:$(port 23)
  http-request return status 200 content-type text/plain string ok
defaults
  log global
  mode http
  timeout connect 500ms
  timeout client 2s
  timeout server 2s
frontend bare
  bind 127.0.0.1:$(port 22)
  default_backend app
END
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "$home/key.pem" -out "$home/crt.pem" 2>/dev/null
  cat "$home/crt.pem" "$home/key.pem" >"$home/cert.pem"
  launch haproxy haproxy -W -db -f "$home/haproxy.cfg" -p "$home/pid"
  await haproxy listening "$(port 20)"
  sleep 1
  ab -q -n 3000 -c 8 "$web/" >/dev/null
  ab -q -k -n 1000 -c 4 "$web/ok" >/dev/null
  get "$web/denied/x?y=z"
  get "$web/none"
  get "$web/slow"
  get "$web/quote%22" -A 'a "b"'
  get "http://127.0.0.1:$(port 21)/"
  get "http://127.0.0.1:$(port 22)/"
  get "https://localhost:$(port 24)/" -k --resolve "localhost:$(port 24):127.0.0.1"
  get "http://127.0.0.1:$(port 24)/"
  talk "$(port 20)" 'NONSENSE\r\n\r\n'
  talk "$(port 20)" '\x16\x03\x01\r\n'
  talk "$(port 20)" 'GET / HTTP/1.1\r\n\r\n'
  talk "$(port 20)" 'GET /slow-client HTTP/1.1\r\nHost: a\r\n'
  kill -USR2 "${groups[haproxy]}" # reload
  sleep 1
  get "$web/after-reload"
  halt haproxy
  sleep 1
}

# shellcheck shell=bash disable=SC2154  # run, logs come from reallogs
# MariaDB, PostgreSQL and Redis: load, bad statements, failed logins, deadlocks,
# crashes and restarts.

mariadb_packages() { echo mariadb-server mariadb-client; }

mariadb_up() {
  launch mariadb mariadbd --no-defaults --user=root --datadir="$run/mariadb/data" --socket="$run/mariadb/socket" \
    --port="$(port 30)" --bind-address=127.0.0.1 --pid-file="$run/mariadb/pid" --log-error="$logs/mariadb/error.log" \
    --log-warnings=9 --innodb-print-all-deadlocks=ON --innodb-lock-wait-timeout=2 --innodb-buffer-pool-size=32M \
    --skip-name-resolve --slow-query-log=1 --long-query-time=0.01 --slow-query-log-file="$logs/mariadb/slow.log" \
    --log-slow-verbosity=query_plan,innodb,explain --general-log=1 --general-log-file="$logs/mariadb/general.log"
  await mariadb mariadb -uroot -S "$run/mariadb/socket" -e 'select 1'
}

mariadb_exercise() {
  local home=$run/mariadb i
  local sql=(mariadb -uroot -S "$home/socket" -f)
  mariadb-install-db --no-defaults --user=root --datadir="$home/data" --auth-root-authentication-method=normal >/dev/null
  mariadb_up
  "${sql[@]}" -e "create database app; create user app@'%' identified by 'secret'; grant all on app.* to app@'%';
    create table app.t (id int primary key, v int) engine=innodb; insert into app.t values (1,1),(2,2)"
  mysqlslap -uroot -S "$home/socket" --auto-generate-sql --concurrency=4 --number-of-queries=500 >/dev/null || true
  for ((i = 0; i < 100; i++)); do
    mariadb -uapp -pwrong -h127.0.0.1 -P"$(port 30)" -e 'select 1' || true
    talk "$(port 30)" 'x'
  done
  mariadb -unobody -h127.0.0.1 -P"$(port 30)" -e 'select 1' || true
  "${sql[@]}" -e "selec nonsense; select * from app.missing; set global max_connections=10; kill 999999" || true
  for ((i = 0; i < 8; i++)); do
    "${sql[@]}" app -e 'start transaction; update t set v=v+1 where id=1; do sleep(0.5); update t set v=v+1 where id=2; commit' &
    local one=$!
    "${sql[@]}" app -e 'start transaction; update t set v=v+1 where id=2; do sleep(0.5); update t set v=v+1 where id=1; commit' || true
    wait "$one" || true
  done
  "${sql[@]}" app -e $'select sleep(0.1),\n  "# Query_time: 1"\nfrom t\nwhere id < 3; prepare q from "select sleep(?)"; set @a=0.05; execute q using @a'
  "${sql[@]}" -e 'do sleep(30)' &
  sleep 0.5
  "${sql[@]}" -e "select concat('kill ', id) from information_schema.processlist where info like 'do sleep(30)%'" -N | "${sql[@]}" || true
  "${sql[@]}" app -e 'insert into t select seq, seq from seq_10_to_50000' || true
  halt mariadb KILL
  mariadb_up
  "${sql[@]}" -e 'flush logs; flush tables'
  halt mariadb
  printf 'nonsense' >"$home/data/ibdata1.bad"
  launch mariadb mariadbd --no-defaults --user=root --datadir="$home/data" --socket="$home/socket" --port=1 \
    --log-error="$logs/mariadb/error.log" --bind-address=203.0.113.1 --unknown-variable=1
  sleep 2
  halt mariadb
}

postgresql_packages() { echo postgresql-15; }

postgresql_up() {
  launch postgresql setpriv --reuid=postgres --regid=postgres --clear-groups \
    bash -c "exec /usr/lib/postgresql/15/bin/postgres -D '$run/postgresql/data' 2>>'$logs/postgresql/postgresql.log'"
  await postgresql psql -h "$run/postgresql" -p "$(port 31)" -U postgres -c 'select 1'
}

postgresql_exercise() {
  local home=$run/postgresql bin=/usr/lib/postgresql/15/bin i
  export PGHOST=$home PGUSER=postgres
  PGPORT=$(port 31)
  export PGPORT
  chown postgres "$home" "$logs/postgresql"
  setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/initdb" -D "$home/data" -A trust >/dev/null
  cat >>"$home/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $PGPORT
unix_socket_directories = '$home'
log_line_prefix = '%m [%p] %q%u@%d '
log_connections = on
log_disconnections = on
log_checkpoints = on
log_lock_waits = on
log_temp_files = 0
log_min_duration_statement = 0
log_autovacuum_min_duration = 0
autovacuum_naptime = 1s
deadlock_timeout = 300ms
work_mem = 64kB
END
  printf 'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n' >"$home/data/pg_hba.conf"
  postgresql_up
  psql -qc "create role app login password 'secret'" -c 'create database app' || true
  "$bin/pgbench" -q -i -s 1 app || true
  "$bin/pgbench" -c 4 -t 100 app || true
  for ((i = 0; i < 20; i++)); do
    PGPASSWORD=wrong psql -h 127.0.0.1 -U app app -c 'select 1' || true
    psql -d missing-$i -c 'select 1' || true
    psql -d app -c $'select 1,\n  2,\n  "no such column"\nfrom t' || true
  done
  psql -d app -c 'select 1/0' -c 'selec' -c "do \$\$ begin raise warning E'several\nlines'; raise notice 'a notice'; end \$\$" || true
  psql -d app -c "do \$\$ begin perform 1/0; end \$\$" -c 'select count(*) from (select * from generate_series(1,200000) g order by g desc) x' || true
  psql -d app -c 'create table t (id int primary key, v int); insert into t values (1,1),(2,2)'
  for ((i = 0; i < 3; i++)); do
    psql -d app -c 'begin; update t set v=v+1 where id=1; select pg_sleep(0.5); update t set v=v+1 where id=2; commit' &
    local one=$!
    psql -d app -c 'begin; update t set v=v+1 where id=2; select pg_sleep(0.5); update t set v=v+1 where id=1; commit' || true
    wait "$one" || true
  done
  psql -d app -c 'select pg_terminate_backend(pg_backend_pid())' || true
  talk "$PGPORT" 'GET / HTTP/1.0\r\n\r\n'
  psql -c checkpoint -c "alter system set log_statement='all'" -c 'select pg_reload_conf()'
  sleep 1
  psql -d app -c $'select\n\t1' -c "insert into t values (1, 1)" || true
  psql -d app -c 'select pg_sleep(20)' &
  sleep 0.5
  kill -KILL "$(psql -Atc "select pid from pg_stat_activity where query like 'select pg_sleep(20)%' limit 1")"
  sleep 3
  wait $! || true
  await postgresql psql -c 'select 1'
  halt postgresql KILL
  rm -f "$home/data/postmaster.pid"
  sleep 1
  postgresql_up
  halt postgresql INT
}

redis_packages() { echo redis-server redis-tools; }

# redis_up NAME PORT OPTIONS...
redis_up() {
  mkdir -p "$run/redis/$1"
  launch "$1" redis-server --bind 127.0.0.1 --port "$2" --dir "$run/redis/$1" --logfile "$logs/redis/$1.log" \
    --loglevel verbose --daemonize no "${@:3}"
  await "$1" listening "$2"
}

redis_exercise() {
  local first second i
  first=$(port 32)
  second=$(port 33)
  redis_up redis1 "$first" --save '1 1' --appendonly yes --enable-debug-command yes --maxclients 50
  redis_up redis2 "$second" --replicaof "127.0.0.1 $first" --repl-timeout 3
  redis-benchmark -p "$first" -n 5000 -q >/dev/null
  for ((i = 0; i < 300; i++)); do redis-cli -p "$first" set "k$i" v >/dev/null; done
  redis-cli -p "$first" bgsave
  redis-cli -p "$first" bgrewriteaof
  redis-cli -p "$first" config set maxmemory 100mb
  redis-cli -p "$first" client kill type normal || true
  redis-cli -p "$first" eval 'redis.log(redis.LOG_WARNING, "from a script") return 1' 0
  redis-cli -p "$first" eval 'redis.log(redis.LOG_NOTICE, "")' 0 || true
  talk "$first" 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  talk "$first" 'POST / HTTP/1.1\r\nHost: a\r\n\r\n'
  redis-cli -p "$second" replicaof no one
  redis-cli -p "$second" replicaof 127.0.0.1 "$(port 9)"
  sleep 5
  redis-cli -p "$second" replicaof 127.0.0.1 "$first"
  sleep 2
  halt redis1
  sleep 4
  redis_up redis1 "$first" --save '1 1' --appendonly yes
  sleep 3
  halt redis1 KILL
  redis_up redis1 "$first" --save '1 1' --appendonly yes
  halt redis2
  halt redis1 INT
  redis_up redis3 "$(port 34)" --enable-debug-command yes --loglevel debug --databases 2 --crash-log-enabled yes
  sleep 6
  redis-cli -p "$(port 34)" set a b
  redis-cli -p "$(port 34)" debug segfault || true
  sleep 1
  halt redis3
}

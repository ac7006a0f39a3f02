# shellcheck shell=bash disable=SC2154  # dir, run come from servers
# Nagios 4 from Debian, with its CGI programs behind Apache. Both run as the user
# nagios, who needs a way into the data folder.

nagios_packages() { echo nagios4-core nagios4-cgi apache2 openssl; }
nagios_install() { :; }

nagios_objects() {
  cat <<'EOF'
define command {
  command_name check_nothing
  command_line /bin/true
}
define timeperiod {
  timeperiod_name always
  alias always
}
define contact {
  contact_name nobody
  host_notifications_enabled 0
  service_notifications_enabled 0
  host_notification_period always
  service_notification_period always
  host_notification_commands check_nothing
  service_notification_commands check_nothing
}
define host {
  host_name node-1
  address 127.0.0.1
  check_command check_nothing
  max_check_attempts 1
  active_checks_enabled 0
  contacts nobody
}
EOF
  local service
  for service in cpu memory disk; do
    cat <<EOF
define service {
  host_name node-1
  service_description $service
  check_command check_nothing
  active_checks_enabled 0
  passive_checks_enabled 1
  max_check_attempts 1
  check_period always
  contacts nobody
}
EOF
  done
}

nagios_configure() {
  local home=$1
  nagios_objects >"$home/objects.cfg"
  cat >"$home/nagios.cfg" <<EOF
log_file=$home/var/nagios.log
cfg_file=$home/objects.cfg
object_cache_file=$home/var/objects.cache
precached_object_file=$home/var/objects.precache
status_file=$home/var/status.dat
illegal_macro_output_chars=\`~\$&|'"<>
status_update_interval=1
nagios_user=nagios
nagios_group=nagios
check_external_commands=1
command_file=$home/var/nagios.cmd
lock_file=$home/var/nagios.lock
temp_file=$home/var/nagios.tmp
temp_path=$home/var
check_result_path=$home/var/results
query_socket=$home/var/nagios.qh
check_result_reaper_frequency=1
log_external_commands=1
log_passive_checks=1
use_syslog=0
retain_state_information=0
EOF
  cat >"$home/cgi.cfg" <<EOF
main_config_file=$home/nagios.cfg
physical_html_path=/usr/share/nagios4/htdocs
url_html_path=/nagios4
use_authentication=1
authorized_for_all_hosts=*
authorized_for_all_services=*
authorized_for_all_host_commands=*
authorized_for_all_service_commands=*
authorized_for_system_information=*
EOF
  echo "tocsin:$(openssl passwd -apr1 secret)" >"$home/users"
  cat >"$home/apache.conf" <<EOF
ServerRoot /usr/lib/apache2
ServerName localhost
PidFile $home/var/apache.pid
DefaultRuntimeDir $home/var
Listen 127.0.0.1:$(port 13)
User nagios
Group nagios
ErrorLog $home/var/apache.log
LoadModule mpm_prefork_module modules/mod_mpm_prefork.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule authz_user_module modules/mod_authz_user.so
LoadModule authn_core_module modules/mod_authn_core.so
LoadModule authn_file_module modules/mod_authn_file.so
LoadModule auth_basic_module modules/mod_auth_basic.so
LoadModule env_module modules/mod_env.so
LoadModule alias_module modules/mod_alias.so
LoadModule cgi_module modules/mod_cgi.so
SetEnv NAGIOS_CGI_CONFIG $home/cgi.cfg
ScriptAlias /cgi-bin/nagios4 /usr/lib/cgi-bin/nagios4
<Directory /usr/lib/cgi-bin/nagios4>
  Options +ExecCGI
  AuthType Basic
  AuthName Nagios
  AuthUserFile $home/users
  Require valid-user
</Directory>
EOF
}

nagios_start() {
  local home=$run/nagios
  ! alive nagios || return 0
  mkdir -p "$home/var/results"
  nagios_configure "$home"
  chown -R nagios:nagios "$home/var"
  if ! setpriv --reuid=nagios --regid=nagios --clear-groups test -r "$home/nagios.cfg"; then
    say "servers: the user nagios cannot read $home; set TOCSIN_SERVERS_DIR to a folder that all users can enter"
    return 1
  fi
  launch nagios setpriv --reuid=nagios --regid=nagios --clear-groups nagios4 "$home/nagios.cfg"
  launch nagios-web apache2 -f "$home/apache.conf" -DFOREGROUND
}
nagios_ready() {
  await nagios 30 test -e "$run/nagios/var/status.dat" -a -p "$run/nagios/var/nagios.cmd" &&
    await nagios-web 30 answers "http://127.0.0.1:$(port 13)/cgi-bin/nagios4/cmd.cgi?cmd_typ=30&host=node-1&service=cpu" -u tocsin:secret
}
nagios_running() { alive nagios && alive nagios-web; }
nagios_env() {
  echo "TOCSIN_TEST_NAGIOS_URL=http://tocsin:secret@127.0.0.1:$(port 13)/cgi-bin/nagios4/cmd.cgi"
  echo "TOCSIN_TEST_NAGIOS_LOG=$run/nagios/var/nagios.log"
}
nagios_stop() {
  halt nagios-web
  halt nagios
}
nagios_version() { dpkg-query -W -f 'Nagios ${Version}\n' nagios4-core; }

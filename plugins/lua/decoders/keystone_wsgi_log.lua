-- Keystone's access log behind Apache. Option: apache_log_pattern (a LogFormat).
local wsgi = require "log_wsgi"

local pattern = read_config("apache_log_pattern") or error("apache_log_pattern must be given: the LogFormat of the file")

process_message = wsgi.new("openstack.keystone", pattern, true)

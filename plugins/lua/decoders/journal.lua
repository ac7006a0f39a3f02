-- systemd's journal: entries of the export format (KEY=value lines, or KEY, a
-- length of eight bytes and the data), or of its JSON format. A record may hold
-- several entries of the export format, with an empty line between them.
local l = require "lpeg"
l.locale(l)

local names = {
    Timestamp = { "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP" },
    Severity = { "PRIORITY" },
    Payload = { "MESSAGE" },
    Hostname = { "_HOSTNAME" },
    Pid = { "SYSLOG_PID", "_PID" },
    programname = { "SYSLOG_IDENTIFIER", "_COMM" },
    syslogfacility = { "SYSLOG_FACILITY" },
    systemd_unit = { "_SYSTEMD_UNIT" }, systemd_user_unit = { "_SYSTEMD_USER_UNIT" }, transport = { "_TRANSPORT" },
    uid = { "_UID" }, gid = { "_GID" }, command = { "_COMM" }, executable = { "_EXE" }, boot_id = { "_BOOT_ID" },
    code_file = { "CODE_FILE" }, code_line = { "CODE_LINE" }, code_function = { "CODE_FUNC" },
    message_id = { "MESSAGE_ID" }, container_name = { "CONTAINER_NAME" }, container_id = { "CONTAINER_ID" },
    unit = { "UNIT" }, errno = { "ERRNO" },
}
local required = { "MESSAGE", "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP" }

local rest = l.P(1) ^ 1
grammar = (l.space ^ 0 * #l.P "{" * l.Cg(rest, "_json") + l.Cg(rest, "_export")) * l.Cg(l.Cc "", "_no_text")

captures = {
    _json = { format = "journal_json", fields = "none", names = names, required = required },
    _export = { format = "journal", fields = "none", names = names, required = required },
    _no_text = { to = "Payload", weak = true },
}
types = { syslogfacility = "number" }
severity_label = "canonical"
defaults = { Type = "log", Severity = 6 }

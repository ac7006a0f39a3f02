-- Lua plugins run in the sandbox: Lua 5.1 without most of its libraries, plus
-- the functions of the host.
std = "lua51"
max_line_length = 130
read_globals = {
    "read_config", "read_message", "write_message", "decode_message",
    "inject_message", "inject_payload", "add_to_payload",
}
-- what the host calls or reads
globals = {
    "process_message", "timer_event", "flush", "timezone_aware",
    "grammar", "logger_grammar", "defaults", "types", "representations", "severity_map", "severity_default",
    "severity_label", "multiline", "common_tags", "extract", "logger_required", "_PRESERVATION_VERSION",
}
exclude_files = { "plugins/testdata" }

-- a module that starts with setfenv(1, M) defines its interface as globals
files["plugins/lua/modules"] = { allow_defined_top = true, ignore = { "131" } }
-- globals a filter keeps so that they survive a restart
files["plugins/lua/filters"] = { allow_defined_top = true, ignore = { "131", "212" } }
files["plugins/lua/modules/annotation.lua"] = { globals = { "_ANNOTATIONS" } }
files["plugins/lua/modules/alert.lua"] = { globals = { "_LAST_ALERT" } }
files["plugins/lua/modules/log_window.lua"] = { globals = { "late_messages", "last_tick" } }
files["plugins/lua/modules/log_counter.lua"] = { globals = { "total", "since_tick" } }

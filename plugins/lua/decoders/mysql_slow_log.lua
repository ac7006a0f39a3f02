-- The slow query log of MySQL, MariaDB and Percona Server:
--   # Time: 170313  6:22:10
--   # User@Host: root[root] @ localhost []
--   # Query_time: 2.000341  Lock_time: 0.000012 Rows_sent: 1  Rows_examined: 0
--   use db;
--   SET timestamp=1489386130;
--   SELECT ...
-- The statement, which may have several lines, is the message. Option: programname
-- (mysql).
local l = require "lpeg"
l.locale(l)
local g = require "log_grammar"
local mysql = require "log_mysql"

local d = l.digit
local nl = l.P "\n"
local sp = l.S " \t" ^ 0

local seconds = { "Query_time", "Lock_time", "InnoDB_IO_r_wait", "InnoDB_rec_lock_wait", "InnoDB_queue_wait" }
local counts = { "Rows_sent", "Rows_examined", "Rows_affected", "Rows_read", "Thread_id", "Last_errno", "Killed",
    "Merge_passes", "Tmp_tables", "Tmp_disk_tables", "InnoDB_IO_r_ops", "InnoDB_pages_distinct", "Errno", "Read_first",
    "Read_last", "Read_key", "Read_next", "Read_prev", "Read_rnd", "Read_rnd_next", "Sort_merge_passes",
    "Sort_range_count", "Sort_rows", "Sort_scan_count", "Created_tmp_disk_tables", "Created_tmp_tables" }
local bytes = { "Bytes_sent", "Bytes_received", "Tmp_table_sizes", "InnoDB_IO_r_bytes" }
local texts = { "QC_hit", "QC_Hit", "Full_scan", "Full_join", "Tmp_table", "Tmp_table_on_disk", "Filesort",
    "Filesort_on_disk", "Priority_queue", "Schema", "Stored_routine" }

captures = { _time = { to = "Timestamp", weak = true }, Schema = { to = "db_name" }, QC_Hit = { to = "QC_hit" } }
-- a value may be empty
local value, item = l.P " " ^ -1 * (1 - l.space) ^ 0, l.P(false)
local function add(names, properties)
    for _, name in ipairs(names) do
        captures[name] = captures[name] or properties
        item = item + l.P(name) * ":" * l.P " " ^ -1 * l.Cg((1 - l.space) ^ 1, name) ^ -1
    end
end
add(seconds, { type = "number", representation = "s" })
add(bytes, { type = "number", representation = "B" })
add(counts, { type = "number" })
add(texts, {})

-- a name that is not known is passed over, with its value
local other = (1 - l.S " \t:\n") ^ 1 * ":" * value
local figures = l.P "# " * sp * (item + other) * (sp * (item + other)) ^ 0 * (1 - nl) ^ 0 * nl
local comment = l.P "#" * (1 - nl) ^ 0 * nl

local time = l.P "# Time: " * l.Cg(mysql.time, "_time") * (1 - nl) ^ 0 * nl
local user = l.P "# User@Host: " * (1 - l.S "[\n") ^ 0 * "[" * l.Cg((1 - l.S "]\n") ^ 1, "db_user") ^ -1 * "]" * sp * "@" * sp
    * l.Cg((1 - l.S " [\n") ^ 1, "client_host") ^ -1 * sp * "[" * l.Cg((1 - l.S "]\n") ^ 1, "http_client_ip_address") ^ -1 * "]"
    * (sp * "Id:" * sp * l.Cg(d ^ 1, "Thread_id")) ^ -1 * (1 - nl) ^ 0 * nl
local use = l.P "use " * l.P "`" ^ -1 * l.Cg((1 - l.S "`;\n") ^ 1, "db_name") * l.P "`" ^ -1 * ";" * nl
local set = l.P "SET " * (1 - (l.P "timestamp=" + nl)) ^ 0 * "timestamp=" * l.Cg(d ^ 1 * (l.P "." * d ^ 1) ^ -1, "Timestamp")
    * (1 - nl) ^ 0 * nl
local command = l.P "# administrator command: " * g.payload

grammar = time ^ -1 * user * (-command * (figures + comment)) ^ 0 * use ^ -1 * set ^ -1 * (command + g.payload)
    + #mysql.banner * g.payload

multiline = {
    start = l.P "# Time: " + "# User@Host: " + mysql.banner,
    glue = l.P "# Time: " * (1 - nl) ^ 0 * nl * -1,
    separator = "",
}

severity_label = "canonical"
defaults = { Type = "log", Severity = 6, Fields = { programname = read_config("programname") or "mysql" } }

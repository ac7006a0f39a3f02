-- Grammars for slow query logs of MySQL, MariaDB and Percona Server. They yield
-- Username, Hostname, Timestamp (text, ns), Payload (the statement) and Fields.
local l = require "lpeg"
l.locale(l)
local ipairs = ipairs
local tonumber = tonumber

local M = {}
setfenv(1, M)

local eol = l.P "\n"
local blanks = l.space ^ 1
local rest = (1 - eol) ^ 0 * eol
local integer = l.P "-" ^ -1 * l.digit ^ 1 / tonumber
local float = l.digit ^ 1 * "." * l.digit ^ 1 / tonumber
local yes_no = l.C(l.P "Yes" + "No")
local word = (l.alnum + l.S "-._~") ^ 0

local function with(patt, representation)
    return l.Ct(l.Cg(patt, "value") * l.Cg(l.Cc(representation), "representation"))
end

local seconds, bytes = with(float, "s"), with(integer, "B")

-- row makes a pattern for "Name: value  Name: value"; the text in front of each
-- name is part of what is matched.
local function row(items)
    local patt = l.P(true)
    for _, item in ipairs(items) do
        patt = patt * (item[1] .. item[2] .. ": ") * l.Cg(item[3], item[4] or item[2])
    end
    return patt
end

local user = l.P "# User@Host: " * (1 - l.S "[]") ^ 0 * "[" * l.Cg((1 - l.S "[]") ^ 0, "Username") * "]"
    * blanks * "@" * blanks * (l.alnum + l.S ".-") ^ 0 * l.space ^ 0 * "[" * l.Cg((1 - l.P "]") ^ 1, "Hostname") * "]"

local counts = row { { "", "Query_time", seconds } } * blanks * row { { "", "Lock_time", seconds } } * blanks
    * row { { "", "Rows_sent", integer } } * blanks * row { { "", "Rows_examined", integer } } * eol
local query = l.P "# " * counts

local plan = row {
    { "", "Full_scan", yes_no }, { "  ", "Full_join", yes_no }, { "  ", "Tmp_table", yes_no },
    { "  ", "Tmp_table_on_disk", yes_no }, { "\n# ", "Filesort", yes_no }, { "  ", "Filesort_on_disk", yes_no },
    { "  ", "Merge_passes", integer },
} * eol

local maria = row { { "# ", "Thread_id", integer }, { "  ", "Schema", word }, { "  ", "QC_hit", yes_no } } * eol
    * query * (l.P "# " * plan) ^ 0

local percona = (l.P "  Id:" * blanks * l.Cg(integer, "Connection_id") * eol) ^ 0
    * ((row { { "# ", "Thread_id", integer }, { "  ", "Schema", word } } + row { { "# ", "Schema", word } })
        * row { { "  ", "Last_errno", integer }, { "  ", "Killed", integer } } * eol) ^ 0
    * row {
        { "# ", "Query_time", seconds }, { "  ", "Lock_time", seconds }, { "  ", "Rows_sent", integer },
        { "  ", "Rows_examined", integer }, { "  ", "Rows_affected", integer },
    } * row { { "  ", "Rows_read", integer } } ^ 0 * eol
    * (row { { "# ", "Bytes_sent", bytes } } * row {
        { "  ", "Tmp_tables", integer }, { "  ", "Tmp_disk_tables", integer }, { "  ", "Tmp_table_sizes", bytes },
    } ^ 0 * eol) ^ 0
    * (l.P "# Stored routine: " * l.Cg((l.alnum + l.S "_.-") ^ 1, "Stored_routine") * eol) ^ 0
    * (row { { "# ", "QC_Hit", yes_no, "QC_hit" } } * "  " * plan) ^ 0
    * (row {
        { "#   ", "InnoDB_IO_r_ops", integer }, { "  ", "InnoDB_IO_r_bytes", bytes },
        { "  ", "InnoDB_IO_r_wait", seconds }, { "\n#   ", "InnoDB_rec_lock_wait", seconds },
        { "  ", "InnoDB_queue_wait", seconds }, { "\n#   ", "InnoDB_pages_distinct", integer },
    } * eol) ^ 0

local statement_end = l.P ";" * (eol + -1)
local function id(name, key) return (l.P(name) * l.Cg(integer, key) * ",") ^ 0 end
local tail = (l.P "use " * rest) ^ 0
    * "SET " * id("last_insert_id=", "Last_insert") * id("insert_id=", "Insert_id")
    * "timestamp=" * l.Cg(l.digit ^ 1 / "%0000000000", "Timestamp") * ";" * eol
    * (l.P "# administrator command: " * rest) ^ 0
    * l.Cg((1 - statement_end) ^ 0 * statement_end, "Payload")
local time = (l.P "# Time: " * rest) ^ 0

local function fields(patt) return l.Cg(l.Ct(patt), "Fields") end

slow_query_grammar = l.Ct(time * user * eol * fields(query) * tail)
mariadb_slow_query_grammar = l.Ct(time * user * eol * fields(maria) * tail)
percona_slow_query_grammar = l.Ct(time * user * eol ^ 0 * fields(percona) * tail)
short_slow_query_grammar = l.Ct(fields(query) * tail)
mariadb_short_slow_query_grammar = l.Ct(fields(maria) * tail)

return M

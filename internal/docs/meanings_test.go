package docs_test

// meanings says what the keys mean whose structs say nothing, by table and key.
func meanings() map[string]map[string]string {
	return map[string]map[string]string{
		"global": {
			"environment_label": "name of the site, in every message", "region": "in every message, if set", "availability_zone": "in every message, if set",
			"hostname": "of this node; default: the host's short name", "extra_fields": "more fields for every message",
			"alarms": "shipped alarms, by file name; `all` for every one", "tls": "see TLS",
			"admin.address": "of the pages and the API; `none`: no server", "admin.pprof": "serve Go's profiles",
			"drain_timeout": "how long outputs may empty their queues at the end; the rest stays queued",
			"watch_plugins": "time between looks at the files of Lua plugins: what has changed is loaded and tried; default: only on SIGHUP",
			"plugin_trial":  "records that a changed plugin is tried on before it takes over; default 100",
		},
		"A role": {
			"input": "name -> input", "splitter": "name -> splitter", "decoder": "name -> decoder", "filter": "name -> filter; `afd` names another Lua file for the alarms",
			"encoder": "name -> encoder", "output": "name -> output", "trigger": "name -> trigger", "alarm": "name -> alarm", "policy": "name -> list of entries",
			"alarm_cluster": "name -> cluster", "alarms_enabled": "false drops all alarms of a collector",
			"evaluation": "strict (default) or compatible: see alarms.md", "max_message_size": "bytes",
		},
		"Every input": {
			"engine": "see below", "decoder": "a section, with or without `_decoder`, or a shipped one", "splitter": "a section, or TokenSplitter, NullSplitter, HekaFramingSplitter",
			"send_decode_failures": "hand on what the decoder rejected, undecoded",
		},
		"Every filter": {"engine": "sandbox", "message_matcher": "which messages: see below", "ticker_interval": "between two timer events"},
		"Every output": {
			"engine": "see below", "encoder": "a section, with or without `_encoder`, or an engine; default: the one that suits the output", "message_matcher": "which messages",
			"use_buffering": "false: a small queue that keeps the newest", "max_buffer_size": "bytes of the queue on disk; default 1 GiB",
			"full_action": "drop (the newest), drop_oldest, block (the inputs) or shutdown", "sync": "batch, interval (each second) or never: what a power cut may take",
			"flush_interval": "how long records are gathered", "flush_count": "records in a batch", "flush_bytes": "bytes of a batch",
			"retries.delay": "after the first failure; doubles", "retries.max_delay": "at most", "send_timeout": "of one attempt",
			"buffering.max_buffer_size": "as max_buffer_size", "buffering.full_action": "as full_action", "buffering.sync": "as sync",
			"max_file_size": "accepted: the queue chooses",
		},
		"Every Lua plugin (engine sandbox)": {
			"module_file": "a file, or the name of a shipped plugin", "filename": "the same, as Heka has it", "module_dir": "folders of modules, separated by `;`",
			"module_directory": "the same, as Heka has it", "preserve_data": "keep global variables over restarts", "memory_limit": "bytes; default 8 MiB",
			"instruction_limit": "in a call; default 1,000,000", "output_limit": "bytes; default 63 KiB", "max_process_inject": "messages made in a call", "max_timer_inject": "messages made in a timer event",
			"timer_event_on_shutdown": "a last timer event at the end", "hostname": "what the plugin sees", "config": "what read_config reads",
		},
		"trigger": {
			"description": "what is told when it fires", "severity": "warning, critical or down", "no_data_policy": "unknown (default), okay, skip, warning, critical or down",
			"no_data_ever_policy": "the same where nothing was ever received and nothing that was is missing; default: no_data_policy",
			"logical_operator":    "or (default), and", "rules": "see below", "enabled": "false: as if it were not there",
			"for": "how long it must hold before it fires", "clear_after": "how long it must be over before it clears", "min_samples": "fewer are no data",
		},
		"A rule of a trigger": {
			"metric": "name of the metric", "field": "field -> value or pattern: which series", "fields": "the same", "dimension": "the same", "group_by": "fields: each combination is judged on its own",
			"value": "of a metric with several values: which", "function": "see alarms.md", "relational_operator": "<, <=, >, >=, ==, !=", "threshold": "a number",
			"window": "seconds that are judged", "periods": "windows of history", "series_ttl": "when a series that is silent is forgotten", "min_samples": "fewer are no data", "script": "of function lua",
		},
		"alarm": {
			"triggers": "names of triggers, the worst counts first", "alerting": "disabled, enabled (default) or enabled_with_notification", "handler": "who is told", "dimension": "fields of the verdict",
			"for": "as in a trigger, for all of them", "clear_after": "as in a trigger, for all of them",
		},
		"alarm_cluster": {
			"match": "field -> value: which verdicts", "match_re": "field -> pattern: which verdicts", "members": "names of alarms or clusters", "hints": "clusters whose reasons are told, too",
			"group_by": "member or hostname: what the policy counts", "policy": "name of a policy", "alerting": "disabled, enabled or enabled_with_notification (default)", "handler": "who is told", "dimension": "fields of the verdict; `cluster_name` marks clusters at the top",
			"interval": "between two verdicts", "warm_up_period": "silence after a start", "member_ttl": "how old a fact may be", "forget_after": "when a silent member is forgotten", "expected_hosts": "hosts without which there is no OKAY",
		},
		"A rule of a policy": {
			"function": "count or percent", "arguments": "statuses that are counted", "relational_operator": "<, <=, >, >=, ==, !=", "threshold": "a number",
		},
	}
}

-- Turns every record into an empty message of the type msg_type: a heartbeat.
local msg = {
    Type = read_config("msg_type") or error("msg_type must be given: the type of the messages"),
    Severity = 7,
}

function process_message()
    inject_message(msg)
    return 0
end

-- A sign of life at every tick. Option: service_name.
local name = read_config("service_name") or error("service_name must be given: the service that is alive")

function process_message()
    return 0
end

function timer_event(ns)
    inject_message({ Type = "watchdog", Payload = name, Timestamp = ns })
end

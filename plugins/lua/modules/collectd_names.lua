-- Names and dimensions of collectd's metrics: one entry for each plugin that the
-- default rule does not fit. An entry gets the metric being built and its sample
-- and sets the name; hostname is a dimension unless it says otherwise.
--
-- A metric m holds: sample, meta, base (type[_type_instance][_dsname]), dsname,
-- ds (_dsname, empty for "value"), fields, factor and divisor (of the value; 1), and
-- the methods tag(name, value) and host(). An entry is asked once for all samples of
-- a series: what it says must not depend on the value or the time.
local string = require "string"
local ipairs = ipairs
local pairs = pairs
local table = require "table"
local tostring = tostring
local type = type

local M = {}
setfenv(1, M)

local function underscored(text)
    local plain = string.gsub(text, "%.", "_")
    return plain
end

local function suffix(text)
    return text ~= "" and "_" .. text or ""
end

-- named makes an entry that sets a name and keeps the host.
local function named(name)
    return function(m)
        m:host()
        return name(m, m.sample)
    end
end

local base = named(function(m) return m.base end)

local df_entities = { df_inodes = "inodes", percent_inodes = "inodes_percent", percent_bytes = "space_percent" }

local function df(m, s)
    -- collectd writes /var/log as var-log; a hyphen in the path looks the same
    local mount = s.plugin_instance == "root" and "/" or "/" .. string.gsub(s.plugin_instance, "%-", "/")
    m:tag("fs", mount)
    m:host()
    return "fs_" .. (df_entities[s.type] or "space") .. suffix(s.type_instance)
end

local function disk(m, s)
    m:tag("device", s.plugin_instance)
    m:host()
    if s.type == "disk_io_time" then return "disk_" .. m.dsname end
    if s.type == "pending_operations" then return "disk_pending_operations" end
    return m.base
end

local function cpu(m, s)
    m:tag("cpu_number", s.plugin_instance)
    m:host()
    return "cpu" .. suffix(s.type_instance)
end

local netlink_types = { if_rx_errors = "if_errors_rx", if_tx_errors = "if_errors_tx" }

local function netlink(m, s)
    m:tag("interface", s.plugin_instance)
    m:host()
    return (netlink_types[s.type] or s.type) .. m.ds .. suffix(s.type_instance)
end

local process_types = {
    ps_code = "_memory_code", ps_count = "", ps_cputime = "_cputime", ps_data = "_memory_data",
    ps_disk_octets = "_disk_bytes", ps_disk_ops = "_disk_ops", ps_pagefaults = "_pagefaults",
    ps_rss = "_memory_rss", ps_stacksize = "_stacksize", ps_vm = "_memory_virtual",
}

local own_processes = {
    collectd = true, remote_collectd = true, metric_collector = true, log_collector = true, aggregator = true,
    remote_collector = true, elasticsearch = true, influxd = true, kibana = true, ["grafana-server"] = true,
}

local function processes(m, s)
    local kind = process_types[s.type]
    if kind then
        m:tag("service", s.plugin_instance)
        m:host()
        if s.type == "ps_cputime" then
            m.factor, m.divisor = 100, 1e6 -- microseconds a second to percent
        end
        return (own_processes[s.plugin_instance] and "lma_components" or "process") .. kind .. m.ds
    end
    if s.type == "ps_state" then
        m:tag("state", s.type_instance)
        m:host()
        return "processes_count"
    end
    m:host()
    return "processes_" .. s.type
end

local function mysql(m, s)
    local dimension = s.type == "mysql_commands" and "statement" or s.type == "mysql_handler" and "handler"
    if dimension then
        m:tag(dimension, s.type_instance)
        m:host()
        return s.type
    end
    m:host()
    if s.type == "threads" then return "mysql_" .. m.base end
    return m.base
end

local function ntpd(m, s)
    local word = s.type_instance
    if word ~= "loop" and word ~= "error" then
        m:tag("server", word)
        word = "peer"
    end
    m:host()
    return "ntp_" .. s.type .. "_" .. word
end

local function rabbitmq(m, s)
    m:host()
    if m.meta.queue then m:tag("queue", m.meta.queue) end
    return "rabbitmq_" .. s.type_instance
end

local function haproxy(m, s)
    if m.meta.backend then
        m:tag("backend", m.meta.backend)
        m:tag("state", m.meta.state)
        m:tag("server", m.meta.server)
    else
        m:tag("frontend", m.meta.frontend)
    end
    m:host()
    return "haproxy_" .. s.type_instance
end

local function without(text, prefix)
    local rest = string.gsub(text, prefix, "")
    return rest
end

local function ceph_osd_perf(m, s)
    m:tag("cluster", s.plugin_instance)
    m:tag("osd", s.type_instance)
    m:host()
    return "ceph_perf_" .. s.type
end

local ceph_dimensions = { { "^pool_", "pool" }, { "^pg_state", "state" }, { "^osd_", "osd" } }

local function ceph(m, s)
    m:tag("cluster", s.plugin_instance)
    if s.type_instance ~= "" then
        for _, d in ipairs(ceph_dimensions) do
            if string.find(s.type, d[1]) then
                m:tag(d[2], s.type_instance)
                break
            end
        end
    end
    return "ceph_" .. s.type .. m.ds
end

local function pacemaker(m, s)
    m:tag("hostname", m.meta.host)
    m:tag("status", m.meta.status)
    m:tag("resource", m.meta.resource)
    return "pacemaker_" .. s.type_instance
end

-- collectd's libvirt plugin reports the instance's UUID as the host
local function virt(m, s)
    m:tag("instance_id", s.host)
    m.hostname = m.own_hostname
    m:host()
    if string.find(s.type, "^disk_") then
        m:tag("device", s.type_instance)
        return "virt_" .. s.type .. "_" .. m.dsname
    end
    if string.find(s.type, "^if_") then
        m:tag("interface", s.type_instance)
        return "virt_" .. s.type .. "_" .. m.dsname
    end
    if s.type == "virt_cpu_total" then return "virt_cpu_time" end
    if s.type == "virt_vcpu" then
        m:tag("vcpu_number", s.type_instance)
        return "virt_vcpu_time"
    end
    return "virt_" .. m.base
end

-- Names older OpenStack plugins used.

local function check_openstack_api(m, s)
    m:tag("service", s.plugin_instance)
    m.fields.os_region = m.meta.region
    return "openstack_check_api"
end

local function check_local_endpoint(m, s)
    m:tag("service", s.type_instance)
    m:host()
    return "openstack_check_local_api"
end

local function hypervisor_stats(m, s)
    m:tag("hostname", m.meta.host)
    m:tag("aggregate", m.meta.aggregate)
    m:tag("aggregate_id", m.meta.aggregate_id)
    local name, unit = string.match(s.type_instance, "^(.+)_(.B)$")
    m.unit = unit
    return "openstack_nova_" .. (name or s.type_instance)
end

-- workers gives the dimensions of a count or state of services or agents.
local function workers(m, one)
    m:tag("service", m.meta.service)
    m:tag("state", m.meta.state)
    if one then m:tag("hostname", m.meta.host) end
end

local function compute(project)
    local services = { [project .. "_service"] = true, [project .. "_services"] = false,
        [project .. "_services_percent"] = false }
    return function(m, s)
        local one = services[s.plugin_instance]
        if one ~= nil then
            workers(m, one)
            return "openstack_" .. s.plugin_instance
        end
        m:tag("state", s.type_instance)
        return "openstack_" .. project .. "_" .. underscored(s.plugin_instance)
    end
end

local function glance(m, s)
    m:tag("state", m.meta.status)
    m:tag("visibility", m.meta.visibility)
    return "openstack_glance_" .. s.type_instance
end

local function keystone(m, s)
    m:tag("state", m.meta.state)
    return "openstack_keystone_" .. s.type_instance
end

local neutron_totals = { networks = true, ports = true, routers = true, floatingips = true }
local neutron_agents = { neutron_agent = true, neutron_agents = false, neutron_agents_percent = false }

local function neutron(m, s)
    local what = s.type_instance
    if neutron_totals[what] then return nil end
    local one = neutron_agents[what]
    if one ~= nil then
        workers(m, one)
        return "openstack_" .. what
    end
    local resource, owner, state = string.match(what, "^(ports[^.]*)%.([^.]+)%.(.+)$")
    if not resource then resource, state = string.match(what, "^([^.]+)%.(.+)$") end
    m:tag("owner", owner)
    m:tag("state", state)
    return "openstack_neutron_" .. underscored(resource or what)
end

local generic_types = { gauge = true, derive = true, counter = true, absolute = true }
local no_dimension = { ["0"] = true, unit = true, discard_hostname = true }
local reserved = { name = true, value = true, tag_fields = true }

-- default is the rule for every other plugin.
function default(m, s)
    local meta = m.meta
    if meta.hostname ~= nil then
        m:tag("hostname", meta.hostname)
    elseif not meta.discard_hostname then
        m:host()
    end
    local keys = {}
    for key in pairs(meta) do
        if type(key) == "string" and not no_dimension[key] and not reserved[key] then keys[#keys + 1] = key end
    end
    table.sort(keys)
    for _, key in ipairs(keys) do m:tag(key, meta[key]) end
    if meta.unit ~= nil then m.unit = tostring(meta.unit) end
    return underscored(s.plugin .. suffix(s.plugin_instance) .. (generic_types[s.type] and "" or "_" .. s.type)
        .. suffix(s.type_instance) .. m.ds)
end

rules = {
    apache = named(function(m)
        return "apache_" .. string.gsub(without(m.base, "apache_"), "scoreboard", "workers")
    end),
    ceph_osd_perf = ceph_osd_perf,
    check_local_endpoint = check_local_endpoint,
    check_openstack_api = check_openstack_api,
    cinder = compute "cinder",
    contextswitch = base,
    cpu = cpu,
    df = df,
    disk = disk,
    entropy = base,
    glance = glance,
    haproxy = haproxy,
    hypervisor_stats = hypervisor_stats,
    influxdb = named(function(_, s) return "influxdb_" .. s.type_instance end),
    keystone = keystone,
    libvirt = virt,
    load = base,
    memcached = named(function(m) return "memcached_" .. without(m.base, "memcached_") end),
    memory = base,
    mysql = mysql,
    netlink = netlink,
    neutron = neutron,
    nginx = named(function(_, s) return "nginx_" .. without(s.type, "^nginx_") .. suffix(s.type_instance) end),
    nova = compute "nova",
    ntpd = ntpd,
    pacemaker = pacemaker,
    processes = processes,
    rabbitmq_info = rabbitmq,
    swap = base,
    uptime = base,
    users = named(function() return "logged_users" end),
    virt = virt,
}

-- rule returns the entry for a sample.
function rule(s)
    if s.plugin == "dbi" and s.plugin_instance == "mysql_status" then
        return named(function() return "mysql_" .. underscored(s.type_instance) end)
    end
    return rules[s.plugin] or string.find(s.plugin, "^ceph") and ceph or default
end

return M

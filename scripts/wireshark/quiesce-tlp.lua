-- SPDX-License-Identifier: Apache-2.0
-- Wireshark's dissector for what `quiesce run --pcap` writes: PCI Express transaction layer packets, as they are on the wire
-- without FLIT mode, behind LINKTYPE_USER0.
--
--   wireshark -X lua_script:quiesce-tlp.lua out/tlps.pcapng
--   tshark -X lua_script:quiesce-tlp.lua -r out/tlps.pcapng -Y 'tlp.pasid == 0x42 && tlp.at == 1'
--
-- Section numbers are those of the PCI Express Base Specification.
local tlp = Proto("tlp", "PCI Express TLP")

local at_names = { [0] = "untranslated", "translation request", "translated", "reserved" }
local status_names = {
    [0] = "Successful Completion", "Unsupported Request", "Request Retry Status", "reserved", "Completer Abort",
}
local message_names = {
    [0x01] = "Invalidate Request", [0x02] = "Invalidate Completion", [0x04] = "Page Request", [0x05] = "PRG Response",
}
local prg_code_names = { [0] = "Success", [1] = "Invalid Request", [15] = "Response Failure" }
local routing_names = { [0] = "to the root complex", "by address", "by ID", "broadcast", "local", "gathered" }

local f = {
    prefix = ProtoField.uint8("tlp.prefix", "Prefix", base.HEX),
    pasid = ProtoField.uint32("tlp.pasid", "PASID", base.HEX),
    pmr = ProtoField.bool("tlp.pasid.privileged", "Privileged Mode Requested"),
    exe = ProtoField.bool("tlp.pasid.execute", "Execute Requested"),
    fmt = ProtoField.uint8("tlp.fmt", "Fmt", base.HEX),
    type = ProtoField.uint8("tlp.type", "Type", base.HEX),
    kind = ProtoField.string("tlp.kind", "Kind"),
    tc = ProtoField.uint8("tlp.tc", "Traffic Class"),
    id_based = ProtoField.bool("tlp.attr.ido", "ID-Based Ordering"),
    relaxed = ProtoField.bool("tlp.attr.ro", "Relaxed Ordering"),
    no_snoop = ProtoField.bool("tlp.attr.ns", "No Snoop"),
    td = ProtoField.bool("tlp.td", "TLP Digest"),
    ep = ProtoField.bool("tlp.ep", "Poisoned"),
    at = ProtoField.uint8("tlp.at", "Address Type", base.DEC, at_names),
    length = ProtoField.uint16("tlp.length", "Length in double words"),
    requester = ProtoField.uint16("tlp.requester", "Requester ID", base.HEX),
    completer = ProtoField.uint16("tlp.completer", "Completer ID", base.HEX),
    target = ProtoField.uint16("tlp.target", "Routed to ID", base.HEX),
    tag = ProtoField.uint16("tlp.tag", "Tag"),
    first_be = ProtoField.uint8("tlp.first_be", "First DW Byte Enables", base.HEX),
    last_be = ProtoField.uint8("tlp.last_be", "Last DW Byte Enables", base.HEX),
    address = ProtoField.uint64("tlp.address", "Address", base.HEX),
    no_write = ProtoField.bool("tlp.nw", "No Write"),
    register = ProtoField.uint16("tlp.register", "Register", base.HEX),
    status = ProtoField.uint8("tlp.status", "Completion Status", base.DEC, status_names),
    byte_count = ProtoField.uint16("tlp.byte_count", "Byte Count"),
    lower = ProtoField.uint8("tlp.lower_address", "Lower Address", base.HEX),
    message = ProtoField.uint8("tlp.message", "Message Code", base.HEX, message_names),
    routing = ProtoField.uint8("tlp.routing", "Routing", base.DEC, routing_names),
    itag = ProtoField.uint8("tlp.itag", "ITag"),
    itag_vector = ProtoField.uint32("tlp.itag_vector", "ITag Vector", base.HEX),
    cc = ProtoField.uint8("tlp.cc", "Completion Count"),
    inv_address = ProtoField.uint64("tlp.invalidate.address", "Untranslated Address", base.HEX),
    inv_size = ProtoField.uint64("tlp.invalidate.size", "Size in bytes; 0: everything"),
    inv_global = ProtoField.bool("tlp.invalidate.global", "Global Invalidate"),
    prgi = ProtoField.uint16("tlp.prgi", "Page Request Group Index"),
    prg_code = ProtoField.uint8("tlp.prg.code", "Response Code", base.DEC, prg_code_names),
    prg_read = ProtoField.bool("tlp.prg.read", "Read Access Requested"),
    prg_write = ProtoField.bool("tlp.prg.write", "Write Access Requested"),
    prg_last = ProtoField.bool("tlp.prg.last", "Last Request In PRG"),
    stop_marker = ProtoField.bool("tlp.stop_marker", "Stop Marker"),
    translated = ProtoField.uint64("tlp.translation.address", "Translated Address", base.HEX),
    t_size = ProtoField.uint64("tlp.translation.size", "Size in bytes; 0: everything"),
    t_read = ProtoField.bool("tlp.translation.read", "R"),
    t_write = ProtoField.bool("tlp.translation.write", "W"),
    t_untranslated = ProtoField.bool("tlp.translation.untranslated_only", "U"),
    t_exe = ProtoField.bool("tlp.translation.execute", "Exe"),
    t_priv = ProtoField.bool("tlp.translation.privileged", "Priv"),
    t_global = ProtoField.bool("tlp.translation.global", "Global"),
    t_no_snoop = ProtoField.bool("tlp.translation.no_snoop", "N"),
    data = ProtoField.bytes("tlp.data", "Data"),
    missing = ProtoField.uint32("tlp.missing", "Data bytes that the capture does not have"),
    malformed = ProtoField.string("tlp.malformed", "Malformed"),
    request_in = ProtoField.framenum("tlp.request_in", "Request in", base.NONE, frametype.REQUEST),
    completed_in = ProtoField.framenum("tlp.completed_in", "Completed in", base.NONE, frametype.RESPONSE),
}
for name, field in pairs(f) do tlp.fields[#tlp.fields + 1] = field end

local malformed = ProtoExpert.new("tlp.malformed.expert", "Malformed TLP", expert.group.MALFORMED, expert.severity.ERROR)
local missing = ProtoExpert.new("tlp.missing.expert", "Data not captured", expert.group.PROTOCOL, expert.severity.NOTE)
tlp.experts = { malformed, missing }

local interface_name = Field.new("frame.interface_name")

-- 2.2.1: type -> name, how it goes on, and what Fmt it may have: bit n set, Fmt n allowed.
local without, either, with = 0x3, 0xf, 0xc
local kinds = {
    [0x00] = { "MRd", "MWr", memory = true, formats = either },
    [0x04] = { "CfgRd0", "CfgWr0", config = true, formats = 0x5 },
    [0x05] = { "CfgRd1", "CfgWr1", config = true, formats = 0x5 },
    [0x0a] = { "Cpl", "CplD", completion = true, formats = 0x5 },
    [0x0c] = { nil, "FetchAdd", memory = true, atomic = true, formats = with },
    [0x0d] = { nil, "Swap", memory = true, atomic = true, formats = with },
    [0x0e] = { nil, "CAS", memory = true, atomic = true, formats = with },
    [0x1b] = { nil, "DMWr", memory = true, formats = with },
}
for routing = 0, 5 do kinds[0x10 + routing] = { "Msg", "MsgD", message = true, formats = 0xa } end

local function bdf(id) return string.format("%02x:%02x.%x", math.floor(id / 256), math.floor(id / 8) % 32, id % 8) end

-- Requests that wait for completions, while the file is read for the first time; and what belongs together.
local open, request_of, completion_of = {}, {}, {}
function tlp.init() open, request_of, completion_of = {}, {}, {} end

local function link_of(name)
    local a, b = name:match("^(.-)%->(.*)$")
    if a == nil then return name, name, name end
    return (a < b) and (a .. "|" .. b) or (b .. "|" .. a), a, b
end

-- 10.2.3.2, 10.3.2: with S, the ones from bit 12 up to the first zero say the size.
local function size_of(range)
    if range:bitfield(52, 1) == 0 then return UInt64(4096, 0) end
    for bit = 12, 62 do
        if range:bitfield(63 - bit, 1) == 0 then return UInt64(1, 0):lshift(bit + 1) end
    end
    return UInt64(0, 0)
end
local function place_of(range, size)
    if size == UInt64(0, 0) then return size end
    return range:uint64():band((size - UInt64(1, 0)):bnot())
end

local function dissect_message(tree, buf, h, with_data)
    tree:add(f.routing, buf(h, 1), buf(h, 1):bitfield(5, 3))
    local code = buf(h + 7, 1):uint()
    tree:add(f.message, buf(h + 7, 1), code)
    local info = message_names[code] or string.format("message 0x%02x", code)
    if code == 0x01 then
        local itag = buf(h + 6, 1):bitfield(3, 5)
        tree:add(f.itag, buf(h + 6, 1), itag)
        tree:add(f.target, buf(h + 8, 2))
        info = info .. string.format(" ITag %d", itag)
        if with_data and buf:captured_len() >= h + 24 then
            local body = buf(h + 16, 8)
            local size = size_of(body)
            tree:add(f.inv_address, body, place_of(body, size))
            tree:add(f.inv_size, body, size)
            tree:add(f.inv_global, body(7, 1), body:bitfield(63, 1) == 1)
            info = info .. (size == UInt64(0, 0) and " everything" or " @0x" .. place_of(body, size):tohex() .. " " .. tostring(size) .. " bytes")
        end
    elseif code == 0x02 then
        tree:add(f.target, buf(h + 8, 2))
        tree:add(f.cc, buf(h + 11, 1), buf(h + 11, 1):bitfield(5, 3))
        tree:add(f.itag_vector, buf(h + 12, 4))
        for tag = 0, 31 do
            if buf(h + 12, 4):bitfield(31 - tag, 1) == 1 then
                tree:add(f.itag, buf(h + 12, 4), tag)
                info = info .. string.format(" ITag %d", tag)
            end
        end
    elseif code == 0x04 then
        local low = buf(h + 12, 4)
        local read, write, last = low:bitfield(31, 1) == 1, low:bitfield(30, 1) == 1, low:bitfield(29, 1) == 1
        local page = buf(h + 8, 8):uint64():band(UInt64(0xfffff000, 0xffffffff))
        tree:add(f.prgi, low, low:bitfield(20, 9))
        tree:add(f.prg_read, low, read)
        tree:add(f.prg_write, low, write)
        tree:add(f.prg_last, low, last)
        tree:add(f.stop_marker, low, last and not read and not write)
        if last and not read and not write then
            info = "Stop Marker"
        else
            tree:add(f.address, buf(h + 8, 8), page)
            info = info .. string.format(" PRGI %d %s%s%s @0x%s", low:bitfield(20, 9), read and "R" or "", write and "W" or "",
                last and " last" or "", page:tohex())
        end
    elseif code == 0x05 then
        tree:add(f.target, buf(h + 8, 2))
        tree:add(f.prg_code, buf(h + 10, 1), buf(h + 10, 1):bitfield(0, 4))
        tree:add(f.prgi, buf(h + 10, 2), buf(h + 10, 2):bitfield(7, 9))
        local answer = buf(h + 10, 1):bitfield(0, 4)
        info = info .. string.format(" PRGI %d %s", buf(h + 10, 2):bitfield(7, 9), prg_code_names[answer] or "Failure")
    end
    return info
end

local function dissect_translations(tree, data)
    for at = 0, data:len() - 8, 8 do
        local e = data(at, 8)
        local size = size_of(e)
        local one = tree:add(e, "Translation")
        one:add(f.translated, e, place_of(e, size))
        one:add(f.t_size, e, size)
        one:add(f.t_no_snoop, e(6, 1), e:bitfield(53, 1) == 1)
        one:add(f.t_global, e(7, 1), e:bitfield(58, 1) == 1)
        one:add(f.t_priv, e(7, 1), e:bitfield(59, 1) == 1)
        one:add(f.t_exe, e(7, 1), e:bitfield(60, 1) == 1)
        one:add(f.t_untranslated, e(7, 1), e:bitfield(61, 1) == 1)
        one:add(f.t_write, e(7, 1), e:bitfield(62, 1) == 1)
        one:add(f.t_read, e(7, 1), e:bitfield(63, 1) == 1)
    end
end

-- 2.2.5, 2.2.7: what a memory request must not be. Returns words, or nil.
local function wrong_memory(kind, fmt, low, high, words, at, first_be, last_be)
    if fmt % 2 == 1 and high == 0 then return "a header of four double words for an address below 4 GiB" end
    if low % 4096 - low % 4 + 4 * words > 4096 then return "over a 4 KiB boundary" end
    if at == 3 then return "a reserved address type" end
    if at == 1 and kind[1] == nil or at == 1 and fmt >= 2 then return "only a read may ask for a translation" end
    if at == 1 and words % 2 == 1 then return "half a translation" end
    if kind.atomic then return nil end
    if words == 1 and last_be ~= 0 then return "last byte enables with a single double word" end
    if words > 1 and (first_be == 0 or last_be == 0) then return "no byte enables with several double words" end
    return nil
end

function tlp.dissector(buf, pinfo, root)
    local captured, reported = buf:captured_len(), buf:reported_len()
    pinfo.cols.protocol = "TLP"
    local tree = root:add(tlp, buf())
    local complaint
    local function complain(what)
        complaint = complaint or what
        tree:add(f.malformed, what):set_generated()
        tree:add_proto_expert_info(malformed, what)
    end
    local link, from, to = "", nil, nil
    local interface = interface_name()
    if interface then
        link, from, to = link_of(interface.value)
        pinfo.cols.src, pinfo.cols.dst = from, to
    end

    local h, pasid = 0, nil
    while h + 4 <= captured and buf(h, 1):bitfield(0, 3) == 4 do -- prefixes (2.2.10)
        tree:add(f.prefix, buf(h, 1))
        if buf(h, 1):uint() == 0x91 then
            if pasid ~= nil then complain("two PASID prefixes") end
            pasid = buf(h, 4):bitfield(12, 20)
            tree:add(f.pasid, buf(h, 4), pasid)
            tree:add(f.pmr, buf(h + 1, 1), buf(h + 1, 1):bitfield(0, 1) == 1)
            tree:add(f.exe, buf(h + 1, 1), buf(h + 1, 1):bitfield(1, 1) == 1)
        end
        h = h + 4
    end
    if captured < h + 4 then
        complain("no header")
        pinfo.cols.info = "Malformed: no header"
        return captured
    end

    local fmt, type = buf(h, 1):bitfield(0, 3), buf(h, 1):bitfield(3, 5)
    local with_data, kind = fmt == 2 or fmt == 3, kinds[type]
    tree:add(f.fmt, buf(h, 1), fmt)
    tree:add(f.type, buf(h, 1), type)
    local name = kind and fmt < 4 and kind[with_data and 2 or 1]
    if not name or math.floor(kind.formats / 2 ^ fmt) % 2 == 0 then
        complain(string.format("Fmt %d with type 0x%02x", fmt, type))
        pinfo.cols.info = "Malformed: " .. complaint
        return captured
    end
    tree:add(f.kind, buf(h, 1), name)
    tree:append_text(", " .. name)
    local words = buf(h + 2, 2):bitfield(6, 10)
    local at = buf(h + 2, 1):bitfield(4, 2)
    local digest = buf(h + 2, 1):bitfield(0, 1) == 1
    tree:add(f.tc, buf(h + 1, 1), buf(h + 1, 1):bitfield(1, 3))
    tree:add(f.id_based, buf(h + 1, 1), buf(h + 1, 1):bitfield(5, 1) == 1)
    tree:add(f.relaxed, buf(h + 2, 1), buf(h + 2, 1):bitfield(2, 1) == 1)
    tree:add(f.no_snoop, buf(h + 2, 1), buf(h + 2, 1):bitfield(3, 1) == 1)
    tree:add(f.td, buf(h + 2, 1), digest)
    tree:add(f.ep, buf(h + 2, 1), buf(h + 2, 1):bitfield(1, 1) == 1)
    tree:add(f.length, buf(h + 2, 2), words)
    if kind.memory then tree:add(f.at, buf(h + 2, 1), at) end
    if words == 0 and (with_data or kind.memory) then words = 1024 end

    local header = (fmt % 2 == 1) and 16 or 12
    if reported < h + header then
        complain("a header that is cut short")
        pinfo.cols.info = "Malformed: " .. complaint
        return captured
    end
    local behind = reported - h - header
    local wanted = (with_data and 4 * words or 0) + (digest and 4 or 0)
    if behind ~= wanted then complain(string.format("%d bytes of data where the header says %d", behind, wanted)) end
    if captured < h + header then
        pinfo.cols.info = name .. " (header not captured)"
        return captured
    end

    local tag = buf(h + 1, 1):bitfield(0, 1) * 512 + buf(h + 1, 1):bitfield(4, 1) * 256 + buf(h + 6, 1):uint()
    local info, requester = name, buf(h + 4, 2):uint()
    local waits = false -- for a completion
    local translation
    if kind.completion then
        requester = buf(h + 8, 2):uint()
        tag = tag - buf(h + 6, 1):uint() + buf(h + 10, 1):uint()
        local status = buf(h + 6, 1):bitfield(0, 3)
        tree:add(f.completer, buf(h + 4, 2))
        tree:add(f.status, buf(h + 6, 1), status)
        tree:add(f.byte_count, buf(h + 6, 2), buf(h + 6, 2):bitfield(4, 12))
        tree:add(f.requester, buf(h + 8, 2))
        tree:add(f.tag, buf(h + 10, 1), tag)
        tree:add(f.lower, buf(h + 11, 1), buf(h + 11, 1):bitfield(1, 7))
        info = info .. string.format(" tag %d for %s: %s, %d bytes to come", tag, bdf(requester), status_names[status] or "reserved",
            buf(h + 6, 2):bitfield(4, 12))
        if pasid ~= nil then complain("a completion with a PASID") end
        if with_data and status ~= 0 then complain("data with a completion that is not successful") end
        local key = link .. string.format("/%04x/%d", requester, tag)
        if not pinfo.visited and open[key] then
            request_of[pinfo.number] = open[key]
            local list = completion_of[open[key].frame] or {}
            list[#list + 1] = pinfo.number
            completion_of[open[key].frame] = list
        end
        local request = request_of[pinfo.number]
        if request then
            tree:add(f.request_in, request.frame):set_generated()
            translation = request.translation
        end
    elseif kind.message then
        tree:add(f.requester, buf(h + 4, 2))
        info = name .. " " .. dissect_message(tree, buf, h, with_data)
    else
        waits = not (name == "MWr")
        tree:add(f.requester, buf(h + 4, 2))
        if waits then tree:add(f.tag, buf(h + 6, 1), tag) end
        local last_be, first_be = buf(h + 7, 1):bitfield(0, 4), buf(h + 7, 1):bitfield(4, 4)
        if not kind.atomic then
            tree:add(f.last_be, buf(h + 7, 1), last_be)
            tree:add(f.first_be, buf(h + 7, 1), first_be)
        end
        if kind.config then
            tree:add(f.target, buf(h + 8, 2))
            tree:add(f.register, buf(h + 10, 2), buf(h + 10, 2):bitfield(4, 10) * 4)
            info = info .. string.format(" %s register 0x%03x tag %d", bdf(buf(h + 8, 2):uint()), buf(h + 10, 2):bitfield(4, 10) * 4, tag)
            if words ~= 1 then complain("a configuration access of more than a double word") end
        else
            local low, high = buf(h + header - 4, 4), 0
            if header == 16 then high = buf(h + 8, 4):uint() end
            local address = UInt64(low:uint() - low:uint() % 4, high)
            tree:add(f.address, buf(h + 8, header - 8), address)
            info = info .. string.format(" @0x%s %d dw", address:tohex():gsub("^0+(.)", "%1"), words)
            if waits then info = info .. string.format(" tag %d", tag) end
            if at == 1 then tree:add(f.no_write, low(3, 1), low(3, 1):bitfield(7, 1) == 1) end
            local wrong = wrong_memory(kind, fmt, low:uint(), high, words, at, first_be, last_be)
            if wrong then complain(wrong) end
        end
        if at ~= 0 and kind.memory then info = info .. " " .. at_names[at] end
    end
    if pasid ~= nil then info = info .. string.format(" PASID 0x%x", pasid) end
    if waits then
        if not pinfo.visited then open[link .. string.format("/%04x/%d", requester, tag)] = { frame = pinfo.number, translation = at == 1 } end
        for _, number in ipairs(completion_of[pinfo.number] or {}) do tree:add(f.completed_in, number):set_generated() end
    end

    if with_data then
        local there = math.min(captured - h - header, 4 * words)
        if there > 0 then
            local data = buf(h + header, there)
            if translation then dissect_translations(tree, data) else tree:add(f.data, data) end
        end
        if captured < reported then
            tree:add(f.missing, reported - captured):set_generated()
            tree:add_proto_expert_info(missing, string.format("%d bytes of data are not in the capture", reported - captured))
        end
    end
    pinfo.cols.info = complaint and ("Malformed (" .. complaint .. "): " .. info) or info
    return captured
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, tlp)

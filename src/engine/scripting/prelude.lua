-- What of a script's world is easiest said in Lua: the functions that catch errors. An error of the engine's own travels
-- as an opaque value; `caught` and `caught_text` turn it into what scripts know, and raise again what nobody may catch.
local native = ...
local pcall, xpcall, resume, tonumber, type, unpack = pcall, xpcall, coroutine.resume, tonumber, type, unpack
local caught, caught_text, refuse_unpack = native.caught, native.caught_text, native.refuse_unpack

local function after_pcall(ok, ...)
    if ok then return true, ... end
    return false, caught_text(...)
end

local function after(ok, ...)
    if ok then return true, ... end
    return false, caught(...)
end

function native.pcall(...)
    return after_pcall(pcall(...))
end

function native.xpcall(body, handler)
    return after(xpcall(body, function(problem) return handler(caught(problem)) end))
end

function native.resume(...)
    return after(resume(...))
end

-- Lua's own overflows where the bounds are far apart, so it is asked only where they are not.
function native.unpack(list, first, last)
    if type(list) == 'table' then
        local from, to = tonumber(first == nil and 1 or first), tonumber(last == nil and #list or last)
        if from and to then
            local room = 7999 - to + from
            if last ~= nil and room > 2 then return unpack(list, first, last) end
            if last == nil and first ~= nil and room > 1 then return unpack(list, first) end
            if last == nil and first == nil and room > 0 then return unpack(list) end
            return refuse_unpack()
        end
    end
    return refuse_unpack(list, first, last)
end

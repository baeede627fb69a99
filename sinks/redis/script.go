package redis

import "github.com/redis/go-redis/v9"

// All changes go through one script. Its first key is the cursor, a hash of
//
//	epoch, commit, watermark  where the store stands; no commit: not whole
//	writer                    whoever asked for the cursor last; no other may write
//	part                      of a batch, the last that was applied
//	gen                       counts resyncs; every hash has that of its last write in _g
//	layout                    Config.layout
//	run, evicted              of the server, when the store was last known whole
//
// Arguments: the kind of part (apply, last, begin, write, end, sweep), writer,
// epoch, commit before, commit, watermark, number of the part, now (ms),
// layout, channel, message; then operations, each led by its letter. The answer
// is "OK", or why nothing was done.
//
// Figures are compared and stored as texts and added by HINCRBY, so that no
// number passes through Lua's doubles; only the scores of sorted sets are such.
//
//nolint:dupword // blocks of Lua end with end
var script = redis.NewScript(`
local cursor = KEYS[1]
local kind, writer, epoch, after, commit = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local now = tonumber(ARGV[8])
local call = redis.call
local c = call('HMGET', cursor, 'epoch', 'commit', 'writer', 'part', 'gen', 'run', 'evicted', 'resync')

if c[1] and tonumber(c[1]) > tonumber(epoch) then return 'FENCED by epoch ' .. c[1] end

-- Evicted: what the server threw away since the store was whole.
local function server()
  return string.match(call('INFO', 'server'), 'run_id:(%w+)'), string.match(call('INFO', 'stats'), 'evicted_keys:(%d+)')
end

if kind == 'apply' or kind == 'last' then
  if not c[2] or c[1] ~= epoch then return 'GAP' end
  if tonumber(commit) <= tonumber(c[2]) then return 'OK' end
  if c[3] ~= writer then return 'STALE' end
  if c[2] ~= after then return 'GAP' end
  if ARGV[7] ~= '1' and c[4] ~= tostring(tonumber(ARGV[7]) - 1) then return 'STALE' end
else
  if not c[3] then return 'LOST' end
  if c[3] ~= writer then return 'STALE' end
  if kind == 'begin' then
    local run, evicted = server()
    call('HDEL', cursor, 'commit', 'watermark', 'part')
    call('HSET', cursor, 'epoch', epoch, 'layout', ARGV[9], 'resync', writer, 'run', run, 'evicted', evicted)
    call('HINCRBY', cursor, 'gen', 1)
    return 'OK'
  end
  if c[8] ~= writer then return 'STALE' end
  if kind == 'end' then
    local run, evicted = server()
    if run == c[6] and evicted ~= c[7] then return 'EVICTED ' .. evicted end
    call('HSET', cursor, 'commit', commit, 'watermark', ARGV[6], 'part', 0)
    call('HDEL', cursor, 'resync')
    if ARGV[10] ~= '' then call('PUBLISH', ARGV[10], ARGV[11]) end
    return 'OK'
  end
end

local gen = c[5]

local function expire(key, at)
  if at ~= '0' then call('PEXPIREAT', key, at) end
end

local function negative(n)
  if string.sub(n, 1, 1) == '-' then return string.sub(n, 2) end
  return '-' .. n
end

-- move brings a total from one row value to another, exactly.
local function move(key, total, from, to)
  local sum
  if #from < 16 and #to < 16 then
    sum = call('HINCRBY', key, total, string.format('%.0f', tonumber(to) - tonumber(from)))
  else
    call('HINCRBY', key, total, negative(from))
    sum = call('HINCRBY', key, total, to)
  end
  if sum == 0 then call('HDEL', key, total) end
  return sum
end

local ops = {}

-- R: one row of a minute. Its old figures are taken out of the totals of minute
-- and hour, the new ones put in.
function ops.R(i)
  local minute, hour = KEYS[tonumber(ARGV[i])], KEYS[tonumber(ARGV[i + 1])]
  local at, member, field, packed, n = ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], tonumber(ARGV[i + 6])
  i = i + 7
  local was, old = {}, call('HGET', minute, field)
  if old then for v in string.gmatch(old, '%S+') do was[#was + 1] = v end end
  for j = 1, n do
    local total, top, to = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
    local from = was[j] or '0'
    if from ~= to then
      move(minute, total, from, to)
      local sum = move(hour, total, from, to)
      if top > 0 then
        if sum == 0 then
          call('ZREM', KEYS[top], member)
        elseif call('ZADD', KEYS[top], sum, member) == 1 then
          expire(KEYS[top], at)
        end
      end
    end
    i = i + 3
  end
  if packed ~= '' then
    call('HSET', minute, field, packed)
    if call('HSETNX', minute, '_g', gen) == 1 then expire(minute, at) end
    if call('HSETNX', hour, '_g', gen) == 1 then expire(hour, at) end
  else
    call('HDEL', minute, field)
    if call('HLEN', minute) == 1 then call('DEL', minute) end
    if call('HLEN', hour) == 1 then call('DEL', hour) end
  end
  return i
end

-- W: a whole hash.
function ops.W(i)
  local key, at, n = KEYS[tonumber(ARGV[i])], ARGV[i + 1], tonumber(ARGV[i + 2])
  i = i + 3
  call('DEL', key)
  call('HSET', key, '_g', gen)
  for j = 1, n do
    call('HSET', key, ARGV[i], ARGV[i + 1])
    i = i + 2
  end
  expire(key, at)
  return i
end

-- Z: a part of a sorted set, which is made aside and takes its place with the
-- last part.
function ops.Z(i)
  local key, aside, at, first, last, n = KEYS[tonumber(ARGV[i])], KEYS[tonumber(ARGV[i + 1])], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], tonumber(ARGV[i + 5])
  i = i + 6
  if first == '1' then call('DEL', aside) end
  for j = 1, n do
    call('ZADD', aside, ARGV[i], ARGV[i + 1])
    i = i + 2
  end
  if last == '1' then
    call('RENAME', aside, key)
    expire(key, at)
  end
  return i
end

-- newest makes the person's field of a kind the newest of what is kept, and
-- forgets all but the last four. An entry is order|gen|json.
local function newest(key, kind)
  local found, all = {}, call('HGETALL', key)
  for j = 1, #all, 2 do
    if string.sub(all[j], 1, 2) == kind .. ':' then found[#found + 1] = {all[j], all[j + 1]} end
  end
  table.sort(found, function(a, b)
    local x, y = string.match(a[2], '^%d+'), string.match(b[2], '^%d+')
    if x ~= y then return x > y end
    return a[1] > b[1]
  end)
  for j = 5, #found do call('HDEL', key, found[j][1]) end
  local name = kind == 's' and 'session' or 'conversion'
  if #found == 0 then
    call('HDEL', key, name)
    if call('HLEN', key) == 1 then call('DEL', key) end
    return
  end
  call('HSET', key, name, string.match(found[1][2], '^%d+|%d+|(.*)$'))
end

-- P: a session or a conversion of a person; empty json: it is gone.
function ops.P(i)
  local person, back = KEYS[tonumber(ARGV[i])], KEYS[tonumber(ARGV[i + 1])]
  local kind, id, order, json, name, ttl = ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], tonumber(ARGV[i + 7])
  if json == '' then
    call('HDEL', person, kind .. ':' .. id)
    if call('GET', back) == name then call('DEL', back) end
  else
    call('HSET', person, kind .. ':' .. id, order .. '|' .. gen .. '|' .. json, '_g', gen)
    call('SET', back, name, 'PX', ttl)
    if call('PTTL', person) < ttl then call('PEXPIRE', person, ttl) end
  end
  newest(person, kind)
  return i + 8
end

-- D: after a resync, what it did not write goes.
function ops.D(i)
  local key, what = KEYS[tonumber(ARGV[i])], ARGV[i + 1]
  if what == 'key' then
    call('UNLINK', key)
  elseif what == 'hash' then
    if call('HGET', key, '_g') ~= gen then call('UNLINK', key) end
  else
    local all = call('HGETALL', key)
    for j = 1, #all, 2 do
      local g = string.match(all[j + 1], '^%d+|(%d+)|')
      if string.find(all[j], '^[sc]:') and g ~= gen then call('HDEL', key, all[j]) end
    end
    newest(key, 's')
    newest(key, 'c')
  end
  return i + 2
end

local i = 12
while i <= #ARGV do i = ops[ARGV[i]](i + 1) end

if kind == 'apply' then
  call('HSET', cursor, 'part', ARGV[7])
elseif kind == 'last' then
  local run, evicted = server()
  if run == c[6] and evicted ~= c[7] then
    call('HDEL', cursor, 'commit', 'watermark', 'part')
    return 'EVICTED ' .. evicted
  end
  call('HSET', cursor, 'commit', commit, 'watermark', ARGV[6], 'part', 0, 'run', run, 'evicted', evicted)
end
if ARGV[10] ~= '' and ARGV[11] ~= '' then call('PUBLISH', ARGV[10], ARGV[11]) end
return 'OK'
`)

// claim makes the caller the writer, and answers epoch, commit and watermark,
// or nothing where the store is not whole: never written, of another layout, or
// robbed by eviction.
var claim = redis.NewScript(`
redis.call('HSET', KEYS[1], 'writer', ARGV[1])
local c = redis.call('HMGET', KEYS[1], 'epoch', 'commit', 'watermark', 'layout', 'run', 'evicted')
if not c[2] then return {c[1] or '0', '', ''} end
if c[4] ~= ARGV[2] then return {c[1], '', ''} end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if run == c[5] and string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)') ~= c[6] then return {c[1], '', ''} end
return {c[1], c[2], c[3]}
`)

"""What the store does in one step each: the Lua scripts. All keys of a call share a hash tag."""

import hashlib

from chatroom.storage.redis.post_script import ALWAYS as ALWAYS
from chatroom.storage.redis.post_script import POST as POST
from chatroom.storage.redis.post_script import SESSIONS as SESSIONS

# KEYS: meta. ARGV: what names the processes of the store. Answers the number of its life: it grows
# with each start of them, so also when the store was put back from a copy.
LIFE = """
if redis.call('HGET', KEYS[1], 'processes') ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'processes', ARGV[1])
  redis.call('HINCRBY', KEYS[1], 'life', 1)
end
return redis.call('HGET', KEYS[1], 'life')
"""

# KEYS: head, channel. ARGV: key of the log, instance id, seq. Enough replicas have all up to there.
ACKNOWLEDGE = """
local acked = redis.call('HGET', KEYS[1], 'acked')
if acked and tonumber(acked) < tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], 'acked', ARGV[3])
  redis.call('PUBLISH', KEYS[2], ARGV[2] .. ' ' .. ARGV[1])
end
return 1
"""

# KEYS: head. Writes something, so that what was written before it can be waited for.
TOUCH = """
return redis.call('HSET', KEYS[1], 'again', redis.call('TIME')[1])
"""

# KEYS: heads. Answers epoch, last and acknowledged seq of each.
HEADS = """
local found = {}
for i, head in ipairs(KEYS) do
  local h = redis.call('HMGET', head, 'epoch', 'last', 'acked')
  found[#found + 1] = h[1] or ''
  found[#found + 1] = h[2] or '0'
  found[#found + 1] = h[3] or '0'
end
return found
"""

# KEYS: head, keys of the bucket, dropped logs, banned. ARGV: key of the log, epoch that was known,
# fresh epoch, seq that was shown. Answers the epoch that holds now and the last seq that was still
# there; -1: the log was dropped on purpose, and counts from 1 when it is written to again.
FORK = """
local is_deleted = redis.call('HEXISTS', KEYS[4], 'roomdeleted ' .. ARGV[1]) == 1
if is_deleted or redis.call('HGET', KEYS[3], ARGV[1]) == ARGV[2] then
  return {redis.call('HGET', KEYS[1], 'epoch') or '', -1}
end
local h = redis.call('HMGET', KEYS[1], 'epoch', 'counting', 'last')
local last = tonumber(h[3] or '0')
if h[1] and h[1] ~= ARGV[2] then return {h[1], last} end
local on = math.max(last, tonumber(ARGV[4]))
local seq = string.format('%.0f', on)
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'counting', tonumber(h[2] or '1') + 1,
  'last', seq, 'acked', seq)
redis.call('HSETNX', KEYS[1], 'first', 1)
redis.call('SADD', KEYS[2], ARGV[1])
return {ARGV[3], last}
"""

# KEYS: stream, gone, blocks. ARGV: for each entry its id, its seq and what stands for it from now
# on. The block that it is in goes, too.
ERASE = """
local done = 0
for i = 1, #ARGV, 3 do
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then
    redis.call('HSET', KEYS[2], ARGV[i + 1], ARGV[i + 2])
    redis.call('HDEL', KEYS[3], string.format('%.0f', math.floor((ARGV[i + 1] - 1) / 512)))
    done = done + 1
  end
end
return done
"""

# KEYS: keys of the bucket, dropped logs, head, and the log's other keys. ARGV: key of the log.
DROP = """
local epoch = redis.call('HGET', KEYS[3], 'epoch')
if epoch then redis.call('HSET', KEYS[2], ARGV[1], epoch) end
redis.call('SREM', KEYS[1], ARGV[1])
return redis.call('UNLINK', unpack(KEYS, 3))
"""

# KEYS: head, gone, blocks. ARGV: number of a block, its first and its last seq, how many of its
# posts were seen to be emptied, what is sealed. Keeps it, if all of it is still as it was seen.
BLOCK = """
local h = redis.call('HMGET', KEYS[1], 'first', 'acked')
local first, last = tonumber(ARGV[2]), tonumber(ARGV[3])
if tonumber(h[1] or '1') > first or tonumber(h[2] or '0') < last then return 0 end
local gone = 0
if redis.call('EXISTS', KEYS[2]) == 1 then
  for seq = first, last do
    gone = gone + redis.call('HEXISTS', KEYS[2], string.format('%.0f', seq))
  end
end
if gone ~= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[5])
return 1
"""

# KEYS: head, stream, gone, blocks. ARGV: the first seq that stays.
TRIM = """
local first = tonumber(redis.call('HGET', KEYS[1], 'first') or '1')
if first >= tonumber(ARGV[1]) then return 0 end
local count = redis.call('XTRIM', KEYS[2], 'MINID', ARGV[1])
for _, seq in ipairs(redis.call('HKEYS', KEYS[3])) do
  if tonumber(seq) < tonumber(ARGV[1]) then redis.call('HDEL', KEYS[3], seq) end
end
for _, number in ipairs(redis.call('HKEYS', KEYS[4])) do
  if number * 512 + 1 < tonumber(ARGV[1]) then redis.call('HDEL', KEYS[4], number) end
end
redis.call('HSET', KEYS[1], 'first', ARGV[1])
return count
"""

# KEYS: nodes, heartbeat, people. ARGV: instance id, ms that the heartbeat lives, what is sealed of
# the node, number of those who have left or "new", their ids; then ids and seals of who changed.
# Answers {1, the ids of those who have left and are at no other node}, or {0} when others have
# taken the node for dead: then nothing was done.
REPORT = """
local was = redis.call('HGET', KEYS[1], ARGV[1])
local count = was and tonumber(string.match(was, '^%d+ (%d+)')) or 0
if not was and redis.call('EXISTS', KEYS[2]) == 0 and ARGV[4] ~= 'new' then return {0} end
local now = redis.call('TIME')
local left = tonumber(ARGV[4]) or 0
local answer = {1}
local nodes = left > 0 and redis.call('HKEYS', KEYS[1]) or {}
for i = 5, 4 + left do
  redis.call('HDEL', KEYS[3], ARGV[i])
  local is_elsewhere = 0
  for _, node in ipairs(nodes) do
    is_elsewhere = is_elsewhere + redis.call('HEXISTS', '{c}:here:' .. node, ARGV[i])
  end
  if is_elsewhere == 0 then answer[#answer + 1] = ARGV[i] end
end
for i = 5 + left, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
if #ARGV > 4 then
  count = count + 1
  redis.call('PUBLISH', '{c}:bell', 'here')
end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %d ', now[1] * 1000 +
  math.floor(now[2] / 1000), count) .. ARGV[3])
return answer
"""

# KEYS: nodes, heartbeat, people. ARGV: instance id. Answers the people of a node that is dead, and
# forgets them; nothing when it lives, or another node was first.
REAP = """
if redis.call('EXISTS', KEYS[2]) == 1 then return false end
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return false end
local people = redis.call('HGETALL', KEYS[3])
redis.call('DEL', KEYS[3])
return people
"""

# KEYS: nodes. Answers the time; then the instance id, what is known, and 1 if it lives, of each.
LOOK = """
local found = {redis.call('TIME')}
local nodes = redis.call('HGETALL', KEYS[1])
for i = 1, #nodes, 2 do
  found[#found + 1] = {nodes[i], nodes[i + 1], redis.call('EXISTS', '{c}:alive:' .. nodes[i])}
end
return found
"""

# KEYS: banned. ARGV: for each ban its field, its end and its number: the highest one holds.
BAN = """
for i = 1, #ARGV, 3 do
  local had = redis.call('HGET', KEYS[1], ARGV[i])
  if tonumber(had and string.match(had, ' (%d+)$') or '0') < tonumber(ARGV[i + 2]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2])
  end
end
return 1
"""

# KEYS: hash. ARGV: fields, each with the value that it must still have to be deleted.
FORGET = """
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return 1
"""

# ARGV: number of checks; for each key, field, "1" and its value or "0" and ""; then for each
# command the number of its words and the words. Answers {1, id of the last control event or ""},
# or {0} when a check failed: then nothing was done.
COMMIT = """
local at = 2
for _ = 1, tonumber(ARGV[1]) do
  local now = redis.call('HGET', ARGV[at], ARGV[at + 1])
  if ARGV[at + 2] == '1' then
    if now ~= ARGV[at + 3] then return {0} end
  elseif now then
    return {0}
  end
  at = at + 4
end
local told = ''
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  local answer = redis.call(unpack(ARGV, at + 1, at + words))
  if ARGV[at + 1] == 'XADD' and ARGV[at + 2] == '{c}:controls' then told = answer end
  at = at + words + 1
end
if told ~= '' then redis.call('PUBLISH', '{c}:bell', '') end
return {1, told}
"""

_SCRIPTS = (
    *(POST, LIFE, ACKNOWLEDGE, HEADS, TOUCH, FORK, ERASE, BLOCK, TRIM, DROP),
    *(COMMIT, BAN, FORGET, REPORT, LOOK, REAP),
)
ALL = {hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(): text for text in _SCRIPTS}
"""All scripts by the name that the store gives them."""
NAMES = {text: name for name, text in ALL.items()}

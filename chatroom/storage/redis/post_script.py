"""The Lua script that appends posts to a log; see ``scripts`` for all others."""

from chatroom.storage.rules.epochs import EPOCHS
from chatroom.storage.rules.numbers import RUNS

SESSIONS = 256
"""Sessions that are known of an account in one log; those that began first are forgotten first."""
ALWAYS = "always"  # instead of kinds of sanction: refused, unless the log has it already

# All posts of one log in a batch: Redis writes and syncs its file once for a call, but between the
# calls of a long pipeline again and again.
# KEYS: head, stream, numbers, banned, keys of the bucket, channel.
# ARGV: key of the log, replicas, instance id, fresh epoch, epoch and seq that this node knows or
#   "", the life of the store (see LIFE); the number of authors, and of each the sender, the kinds
#   of sanction that refuse it (by commas; or ALWAYS), session or "", the account of that; then for
#   each post the number of its author, client id (of a session it ends with the post's number in
#   that), what is sealed.
# Answers the epoch, the last seq before and the time in ms; the posts have the seqs behind it, in
#   their order, but for those that follow, each with its place and why it was not added: 0 the log
#   had it already, -2 nobody knows any more whether it was kept (see rules.numbers), or the kind of
#   sanction that refuses it;
# nothing at all when the log is not what this node knows of it.
# What refuses stands in the hash "banned" under its kind and the sender; a sanction of a room under
# its kind, the sender, "@" and the key of the log; a room that is archived or deleted, or a closed
# mailbox, under that and the key of the log.
# What is kept of a session stands under its name: "LAST TIME FLOOR RUNS" ("LAST TIME" from older
# nodes, who know no runs: LAST is the floor then). The sessions of an account stand under "a:" and
# the account, in the order of their beginning: "0 TIME SESSION,SESSION...".
POST = (
    """
local head, is_final = KEYS[1], ARGV[2] == '0'
local OF_ROOMS = {roomban = true, roommute = true}
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local h = redis.call('HMGET', head, 'epoch', 'counting', 'last', 'time', 'life', 'epochs')
local epoch, counting, seq, was = h[1], h[2], tonumber(h[3] or '0'), tonumber(h[4] or '0')
local function holds(till) return till and tonumber(string.match(till, '^%S+')) > ms / 1000 end

local bars = redis.call('HMGET', KEYS[4], 'archived ' .. ARGV[1], 'roomdeleted ' .. ARGV[1])
local before_posts = 8 + 4 * ARGV[8]
if holds(bars[2]) then
  local answers = {ARGV[4], 0, 0}
  for i = before_posts + 1, #ARGV, 3 do
    answers[#answers + 1] = (i - before_posts - 1) / 3 + 1
    answers[#answers + 1] = 'roomdeleted'
  end
  return answers
end
local is_archived = holds(bars[1])
if ARGV[5] ~= '' and ((epoch or '') ~= ARGV[5] or seq < tonumber(ARGV[6])) then return {} end
-- A small step back is waited for; a clock that was set is followed.
local at = string.format('%.0f', (was - ms > 2000) and ms or math.max(ms, was))
local first = seq
-- In a new life of the store a new epoch begins with the first post: see rules.epochs.
local is_new_life = epoch and tonumber(ARGV[7]) > tonumber(h[5] or '0')
local is_closed = not epoch and holds(redis.call('HGET', KEYS[4], 'closed ' .. ARGV[1]))

local function refusal(sender, list)
  local kinds, fields, of_room = {}, {}, false
  local here = sender .. '@' .. ARGV[1]
  for kind in string.gmatch(list, '[^,]+') do
    if kind == 'archived' then
      of_room = true
    else
      kinds[#kinds + 1] = kind
      fields[#kinds] = kind .. ' ' .. (OF_ROOMS[kind] and here or sender)
    end
  end
  for i, till in ipairs(redis.call('HMGET', KEYS[4], unpack(fields))) do
    if holds(till) then return kinds[i] end
  end
  return of_room and is_archived and 'archived'
end

-- Each with what refuses its posts, or false.
local authors = {}
for i = 9, before_posts, 4 do
  local sender, list, session, account = unpack(ARGV, i, i + 3)
  local kind = list == 'ALWAYS' and list or list ~= '' and refusal(sender, list)
  authors[#authors + 1] = {sender = sender, refusal = kind, session = session, account = account}
end

local function whole(number) return string.format('%.0f', number) end

local function begin_epoch()
  is_new_life = false
  redis.call('HSET', head, 'life', ARGV[7])
  if not h[5] then return end -- from older nodes: nothing is known of its life yet
  local known = string.gsub(h[6] or '0:', ':[^:,]*$', ':' .. epoch)
  local _, count = string.gsub(known, ':', '')
  if count >= EPOCHS then known = string.gsub(known, '^([^,]*),[^,]*', '%1', 1) end
  epoch = ARGV[4]
  redis.call('HSET', head, 'epoch', epoch, 'epochs', known .. ',' .. whole(seq + 1) .. ':')
end

local function numbers(text)
  local last, floor, runs = string.match(text, '^(%d+) %d+ (%-?%d+) (.*)$')
  local found = {floor = tonumber(floor or string.match(text, '^%d+'))}
  for run in string.gmatch(runs or '', '[^,]+') do
    local a, b = string.match(run, '^(%d+)%-?(%d*)$')
    found[#found + 1] = {tonumber(a), tonumber(b ~= '' and b or a)}
  end
  return found
end

-- The runs behind which a number belongs, and whether it is in the last of them.
local function runs_before(found, number)
  local i = #found
  while i > 0 and found[i][1] > number do i = i - 1 end
  return i, i > 0 and number <= found[i][2]
end

local function add(found, i, number)
  local before, after = found[i], found[i + 1]
  if before and before[2] == number - 1 then
    before[2] = number
    if after and after[1] == number + 1 then
      before[2] = after[2]
      table.remove(found, i + 1)
    end
  elseif after and after[1] == number + 1 then
    after[1] = number
  else
    table.insert(found, i + 1, {number, number})
    if #found > RUNS then found.floor = table.remove(found, 1)[2] end
  end
  found.is_changed = true
end

local function told(found)
  local runs = {}
  for k, run in ipairs(found) do
    runs[k] = whole(run[1]) .. (run[1] < run[2] and '-' .. whole(run[2]) or '')
  end
  local last = #found > 0 and found[#found][2] or math.max(found.floor, 0)
  return whole(last) .. ' ' .. at .. ' ' .. whole(found.floor) .. ' ' .. table.concat(runs, ',')
end

local sessions = {}

local function begin(session, account)
  local field = 'a:' .. account
  local had = redis.call('HGET', KEYS[3], field)
  local list, count = had and string.match(had, '(%S*)$') or '', 1
  for _ in string.gmatch(list, '[^,]+') do count = count + 1 end
  while count > SESSIONS do
    local first, rest = string.match(list, '^([^,]*),?(.*)$')
    redis.call('HDEL', KEYS[3], first)
    sessions[first] = nil -- also when it has begun in this batch: it is not written at the end
    list, count = rest, count - 1
  end
  list = list ~= '' and list .. ',' .. session or session
  redis.call('HSET', KEYS[3], field, '0 ' .. at .. ' ' .. list)
end

-- Adds a post, or returns why not.
local function post(author, cid, sealed)
  local session, found, i, number = author.session
  if session ~= '' then
    number = tonumber(string.match(cid, '%-(%d+)$'))
    found = sessions[session]
    if not found then
      local had = redis.call('HGET', KEYS[3], session)
      found = numbers(had or '0 0 -1 ')
      found.is_new = not had
      sessions[session] = found
    end
    if number <= found.floor then return -2 end
    local is_had
    i, is_had = runs_before(found, number)
    if is_had then return 0 end
  end
  -- Behind the look at the numbers: what is kept stays kept, whatever its sender did since.
  if author.refusal then return author.refusal end
  if is_closed then return 'closed' end
  if session ~= '' then
    if found.is_new then begin(session, author.account) end
    found.is_new = false
    add(found, i, number)
  end
  if not epoch then
    epoch, counting = ARGV[4], '1'
    redis.call('HSET', head, 'epoch', epoch, 'counting', counting, 'first', 1, 'acked', 0,
      'life', ARGV[7])
    redis.call('SADD', KEYS[5], ARGV[1])
  end
  if is_new_life then begin_epoch() end
  seq = seq + 1
  redis.call('XADD', KEYS[2], string.format('%.0f-%s', seq, counting),
    's', author.sender, 'c', cid, 't', at, 'b', sealed)
end

local answers = {'', first, tonumber(at)}
local place = 0
for i = before_posts + 1, #ARGV, 3 do
  place = place + 1
  local why = post(authors[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 2])
  if why then
    answers[#answers + 1] = place
    answers[#answers + 1] = why
  end
end
for session, found in pairs(sessions) do
  if found.is_changed then redis.call('HSET', KEYS[3], session, told(found)) end
end
answers[1] = epoch or ARGV[4]
if seq > first then
  local last = whole(seq)
  redis.call('HSET', head, 'last', last, 'time', at)
  if is_final then
    redis.call('HSET', head, 'acked', last)
    redis.call('PUBLISH', KEYS[6], ARGV[3] .. ' ' .. ARGV[1])
  end
elseif not is_final then
  -- Written to, so that the replicas can be waited for: what it had already may be on none.
  redis.call('HSET', head, 'again', at)
end
return answers
""".replace("RUNS", str(RUNS), 1)
    .replace("SESSIONS", str(SESSIONS), 1)
    .replace("EPOCHS", str(EPOCHS), 1)
    .replace("ALWAYS", ALWAYS, 1)
)

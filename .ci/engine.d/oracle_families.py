"""The commands of each family, with their weights, in the language of `oracle_grammar`."""

STRINGS = """
5 SET key value
4 SET key value [(NX|XX)] [GET] [(EX ttl|PX pttl|EXAT at|PXAT pat|KEEPTTL)]
1 SETNX key value
1 SETEX key ttl value
1 PSETEX key pttl value
5 GET key
1 GETSET key value
1 GETDEL key
1 GETEX key [(EX ttl|PX pttl|EXAT at|PXAT pat|PERSIST)]
2 MGET key+
1 MSET (key value)+
1 MSETNX (key value)+
3 APPEND key value
1 STRLEN key
2 INCR key
1 DECR key
2 INCRBY key int
1 DECRBY key int
2 INCRBYFLOAT key float
2 SETRANGE key bytes value
2 GETRANGE key index index
0.5 SUBSTR key index index
1 LCS key key [(LEN|IDX)] [MINMATCHLEN count] [WITHMATCHLEN]
1 DEL key+
0.5 EXISTS key+
0.5 TYPE key
0.5 TTL key => about
"""

BITS = """
6 SETBIT key bit (0|1)
0.2 SETBIT key bit int
3 GETBIT key bit
3 BITCOUNT key [index index [(BYTE|BIT)]]
3 BITPOS key (0|1) [index [index [(BYTE|BIT)]]]
2 BITOP (AND|OR|XOR|NOT) own key+
3 BITFIELD own [OVERFLOW (WRAP|SAT|FAIL)] ((GET bitkind bitplace|SET bitkind bitplace int|INCRBY bitkind bitplace int|OVERFLOW (WRAP|SAT|FAIL)))+
1 BITFIELD_RO key (GET bitkind bitplace)+
2 GET key
2 SET key value
1 STRLEN key
1 APPEND key value
1 SETRANGE key bytes value
0.5 DEL key
"""

KEYS = """
4 SET key value
1 RPUSH key value+
1 SADD key member+
1 HSET key (member value)+
1 ZADD key (score member)+
3 DEL key+
1 UNLINK key+
2 EXISTS key+
1 TOUCH key+
2 TYPE key
2 RENAME key key
1 RENAMENX key key
2 COPY key key [DB database] [REPLACE]
1 MOVE key database
2 KEYS pattern => unordered
1 SCAN 0 COUNT 1000 [MATCH pattern] [TYPE (string|list|hash|set|zset|stream)] => unordered fixed
0.3 SCAN int [COUNT count] => kind
1 DBSIZE
4 EXPIRE key ttl [(NX|XX|GT|LT)]
2 PEXPIRE key pttl [(NX|XX|GT|LT)]
2 EXPIREAT key at [(NX|XX|GT|LT)]
2 PEXPIREAT key pat [(NX|XX|GT|LT)]
0.2 EXPIRE key ttl (NX|XX|GT|LT) (NX|XX|GT|LT)
2 TTL key => about
2 PTTL key => about
1 EXPIRETIME key => about
1 PEXPIRETIME key => about
2 PERSIST key
0.3 SELECT (0|0|0|1|2|abc|16)
0.3 SWAPDB (0|1|2|abc|16) (0|1|2|abc|-1)
0.2 FLUSHDB [(ASYNC|SYNC)]
0.5 OBJECT (FREQ|NONSENSE) key
0.1 OBJECT HELP => kind fixed
0.5 OBJECT IDLETIME key => about
2 SORT key [BY sort-by] [LIMIT index index] [(GET sort-get)*] [(ASC|DESC)] => unordered
0.5 SORT key [LIMIT index index] [(GET sort-get)*] [(ASC|DESC)] ALPHA => unordered
1 SORT key ALPHA [STORE own]
1 SORT_RO key [ALPHA] [(ASC|DESC)]
0.3 @randomkey
0.04 @short-lived
1 GET key
"""

HASHES = """
5 HSET key (member value)+
0.1 HSET own (member value)#
1 HMSET key (member value)+
1 HSETNX key member value
5 HGET key member
2 HMGET key member+
3 HGETALL key => pairs
1 HKEYS key => unordered
1 HVALS key => unordered
1 HLEN key
1 HSTRLEN key member
1 HEXISTS key member
3 HDEL key member+
3 HINCRBY key member int
3 HINCRBYFLOAT key member float
1 HSCAN key 0 COUNT 5000 [MATCH pattern] => pairs fixed
1 @hrandfield
0.2 DEL key
0.2 COPY key key REPLACE
"""

LISTS = """
4 RPUSH key value+
4 LPUSH key value+
0.1 RPUSH own value#
1 RPUSHX key value+
1 LPUSHX key value+
2 LPOP key [count]
2 RPOP key [count]
2 LLEN key
4 LRANGE key index index
3 LINDEX key index
3 LSET key index value
3 LINSERT key (BEFORE|AFTER) value value
3 LREM key index value
1 LTRIM key index index
3 LPOS key value [RANK index] [COUNT count] [MAXLEN count]
2 RPOPLPUSH key key
2 LMOVE key key (LEFT|RIGHT) (LEFT|RIGHT)
1 LMPOP keycount key key (LEFT|RIGHT) [COUNT count]
1 LMPOP 1 key (LEFT|RIGHT) [COUNT count]
0.03 BLPOP key+ short => fixed
0.03 BRPOP key+ short => fixed
0.03 BRPOPLPUSH key key short => fixed
0.03 BLMOVE key key (LEFT|RIGHT) (LEFT|RIGHT) short => fixed
0.03 BLMPOP short 2 key key (LEFT|RIGHT) [COUNT count] => fixed
1 SORT key [LIMIT index index] [(ASC|DESC)] [ALPHA]
0.3 SORT key [ALPHA] STORE own
0.3 SORT own BY nosort [LIMIT index index] [(GET sort-get)*]
0.3 DEL key
0.2 COPY key key REPLACE
"""

SETS = """
6 SADD key member+
1 SADD own (1|2|3|5|8|13|300|70000|5000000000|-1|-40000)+
0.1 SADD own member#
4 SREM key member+
3 SISMEMBER key member
2 SMISMEMBER key member+
2 SCARD key
3 SMEMBERS key => unordered
2 SMOVE key key member
2 SINTER key+ => unordered
2 SUNION key+ => unordered
2 SDIFF key+ => unordered
1 SINTERSTORE own key+
1 SUNIONSTORE own key+
1 SDIFFSTORE own key+
1 SINTERCARD keycount key key [cased count]
1 SINTERCARD 1 key [cased count]
1 SSCAN key 0 COUNT 5000 [MATCH pattern] => unordered fixed
1 @srandmember
1 @spop
0.5 SORT key ALPHA
0.2 DEL key
0.2 COPY key key REPLACE
"""

# An order by bytes is defined among equal scores only: such sorted sets have keys of their own.
SORTED_SETS = """
6 ZADD key (score member)+
3 ZADD key [(NX|XX)] [(GT|LT)] [CH] (score member)+
1 ZADD key [(NX|XX)] [CH] INCR score member
0.1 ZADD own (score member)#
2 ZINCRBY key float member
3 ZREM key member+
3 ZSCORE key member
1 ZMSCORE key member+
2 ZRANK key member
2 ZREVRANK key member
1 ZCARD key
2 ZCOUNT key bound bound
2 ZLEXCOUNT lexkey lex lex
2 ZADD lexkey (0 member)+ => fixed
0.05 ZADD lexkey (0 member)# => fixed
4 ZRANGE key index index [WITHSCORES]
2 ZRANGE key bound bound BYSCORE [REV] [LIMIT index index] [WITHSCORES]
2 ZRANGE lexkey lex lex BYLEX [REV] [LIMIT index index]
1 ZRANGE key index index REV [WITHSCORES]
0.5 ZRANGE lexkey index index [(BYSCORE|BYLEX)] [LIMIT index index] [REV] [WITHSCORES]
2 ZREVRANGE key index index [WITHSCORES]
2 ZRANGEBYSCORE key bound bound [WITHSCORES] [LIMIT index index]
2 ZREVRANGEBYSCORE key bound bound [WITHSCORES] [LIMIT index index]
2 ZRANGEBYLEX lexkey lex lex [LIMIT index index]
2 ZREVRANGEBYLEX lexkey lex lex [LIMIT index index]
1 ZRANGESTORE own key index index [REV]
1 ZRANGESTORE own key bound bound BYSCORE [LIMIT index index]
1 ZRANGESTORE own lexkey lex lex BYLEX [LIMIT index index]
1 ZREMRANGEBYRANK key index index
1 ZREMRANGEBYSCORE key bound bound
1 ZREMRANGEBYLEX lexkey lex lex
1 ZPOPMIN key [count]
1 ZPOPMAX key [count]
1 ZMPOP keycount key key (MIN|MAX) [COUNT count]
1 ZMPOP 1 key (MIN|MAX) [COUNT count]
0.03 BZPOPMIN key+ short => fixed
0.03 BZPOPMAX key+ short => fixed
0.03 BZMPOP short 2 key key (MIN|MAX) [COUNT count] => fixed
2 ZUNION keycount key key [WEIGHTS float float] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]
2 ZINTER keycount key key [WEIGHTS float float] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]
1 ZDIFF keycount key key [WITHSCORES]
2 ZUNIONSTORE own 2 key key [WEIGHTS float float] [AGGREGATE (SUM|MIN|MAX)]
2 ZINTERSTORE own 2 key key [WEIGHTS float float] [AGGREGATE (SUM|MIN|MAX)]
1 ZDIFFSTORE own 2 key key
1 ZINTERCARD keycount key key [cased count]
1 ZSCAN key 0 COUNT 5000 [MATCH pattern] => pairs fixed
1 @zrandmember
0.5 SADD alien:set member+
0.2 DEL key
0.2 COPY key key REPLACE
"""

TRANSACTIONS = """
10 @transaction
4 @watched
1 @blocking
2 SET key value
1 DISCARD
1 EXEC
1 WATCH key+
1 UNWATCH
0.5 MULTI INT => fixed
"""

SCRIPTS = """
10 @script
0.3 EVAL value keycount key key
0.3 SCRIPT EXISTS value+
0.2 SCRIPT (NONSENSE|FLUSH|LOAD|KILL)
0.3 EVALSHA value 0
"""

OTHERS = """
2 PING [value]
2 ECHO value
1 HELLO (2|3|4|abc) => kind
0.3 HELLO 3 AUTH default value => kind
1 CLIENT (GETNAME|ID|INFO|NONSENSE|NO-EVICT|HELP) => kind
1 CLIENT SETNAME (own|value)
1 CLIENT (NO-EVICT|REPLY|UNBLOCK|KILL|TRACKING|CACHING|GETREDIR|TRACKINGINFO|LIST|UNPAUSE) value => kind
1 CLIENT GETNAME
1 COMMAND COUNT => kind
1 COMMAND INFO (GET|SET|HSET|ZADD|LPUSH|SADD|EVAL|SORT|ZUNIONSTORE|XYZZY|MSET|BITOP) => unordered
2 COMMAND GETKEYS (GET key|MSET (key value)+|ZUNIONSTORE key 2 key key|EVAL value 2 key key|SORT key STORE key|PING|NONSENSE key|LMPOP keycount key key LEFT)
1 COMMAND GETKEYSANDFLAGS (GET key|MSET (key value)+|ZUNIONSTORE key 2 key key|SET key value|SORT key STORE key)
0.5 COMMAND LIST FILTERBY (PATTERN xyz|MODULE xyz|NONSENSE abc) => unordered
1 CONFIG GET (maxmemory|maxmemory-policy|hash-max-listpack-value|appendonly|timeout|nonsense|set-max-intset-entries) => pairs fixed
1 CONFIG SET (maxmemory-samples (5|6)|timeout 0|nonsense abc|maxmemory-policy (noeviction|nonsense))
0.5 CONFIG (RESETSTAT|NONSENSE)
1 OBJECT (ENCODING|REFCOUNT|NONSENSE) value
1 PUBLISH value value
1 SPUBLISH value value
1 PUBSUB (CHANNELS|NUMSUB|NUMPAT|SHARDCHANNELS|SHARDNUMSUB|NONSENSE) [pattern]
0.5 LASTSAVE => kind
0.5 TIME => kind
1 WAIT 0 int
0.5 ACL (WHOAMI|CAT|NONSENSE|USERS) => unordered
0.5 AUTH value [value]
0.5 SLOWLOG (LEN|RESET|GET|HELP|NONSENSE) => kind
0.5 LATENCY (LATEST|RESET|DOCTOR|HISTORY|NONSENSE) => kind
0.5 MEMORY (USAGE|DOCTOR|HELP|NONSENSE|STATS) value => kind
0.5 ROLE => kind
0.5 READONLY
0.3 READWRITE
0.3 ASKING
0.5 CLUSTER (INFO|NODES|MYID|NONSENSE|SLOTS)
0.5 FAILOVER ABORT
0.3 REPLCONF value
0.5 RESET => fixed
1 NONSENSE value*
0.3 value value*
0.5 SET key value
0.5 GET key
0.5 DEBUG (NONSENSE|SLEEP 0|STRINGMATCH-LEN 5 abc) => kind
"""

FAMILIES = {
    "strings": STRINGS,
    "bits": BITS,
    "keys": KEYS,
    "hashes": HASHES,
    "lists": LISTS,
    "sets": SETS,
    "sorted_sets": SORTED_SETS,
    "transactions": TRANSACTIONS,
    "scripts": SCRIPTS,
    "others": OTHERS,
}

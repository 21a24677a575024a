"""Random commands, right and wrong, from one line of grammar a command.

    WORD            itself; a lower-case word is a generator of this file (`string` is a key of strings)
    [A|B x]         nothing, or one of the alternatives
    <A|B x>         one of the alternatives
    (a b)...        one to three times

Keys come from a small pool, so that commands meet; one key in twelve is of another type. One command
in ten is then damaged: a word lost, doubled, swapped or replaced by a strange one.
"""

import random
import re
from dataclasses import dataclass

KEYS_PER_TYPE = 4
DATABASES = 2

# What blocking commands wait, in seconds; never damaged into a longer one.
TIMEOUT = "0.001"

# How replies are compared (see differential.py) where not exactly.
UNORDERED = {"SMEMBERS", "SINTER", "SUNION", "SDIFF", "KEYS", "HKEYS", "HVALS"}
PAIRS = {"HGETALL"}
RANDOM = {"SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER", "RANDOMKEY"}
TIMES = {"TTL": 1, "PTTL": 1000, "EXPIRETIME": 1, "PEXPIRETIME": 1000}
SCANS = {"SCAN", "SSCAN", "HSCAN", "ZSCAN"}

GRAMMAR = """
SET string value [NX|XX] [GET] [EX seconds|PX millis|EXAT moment|PXAT milli_moment|KEEPTTL]
SET string number
GET any
GETDEL string
GETEX string [EX seconds|PX millis|EXAT moment|PXAT milli_moment|PERSIST]
GETSET string value
SETNX string value
SETEX string seconds value
PSETEX string millis value
MGET (string)...
MSET (string value)...
MSETNX (string value)...
APPEND string value
STRLEN string
GETRANGE string index index
SUBSTR string index index
SETRANGE string offset value
INCR string
DECR string
INCRBY string number
DECRBY string number
INCRBYFLOAT string float
LCS string string [LEN|IDX] [MINMATCHLEN small] [WITHMATCHLEN]
SETBIT string bit_offset <0|1>
GETBIT string bit_offset
BITCOUNT string [index index [BYTE|BIT]]
BITPOS string <0|1> [index [index [BYTE|BIT]]]
BITOP <AND|OR|XOR> string (string)...
BITOP NOT string string
BITFIELD string [OVERFLOW <WRAP|SAT|FAIL>] (<GET bit_type bit_offset|SET bit_type bit_offset number|INCRBY bit_type bit_offset number>)...
BITFIELD_RO string (GET bit_type bit_offset)...
HSET hash (field value)...
HMSET hash (field value)...
HSETNX hash field value
HGET hash field
HMGET hash (field)...
HDEL hash (field)...
HLEN hash
HKEYS hash
HVALS hash
HGETALL hash
HEXISTS hash field
HSTRLEN hash field
HINCRBY hash field number
HINCRBYFLOAT hash field float
HRANDFIELD hash [count [WITHVALUES]]
HSCAN hash 0 [MATCH pattern] [COUNT small]
LPUSH list (value)...
RPUSH list (value)...
LPUSHX list (value)...
RPUSHX list (value)...
LPOP list [small]
RPOP list [small]
LLEN list
LRANGE list index index
LINDEX list index
LSET list index value
LINSERT list <BEFORE|AFTER> value value
LREM list count value
LTRIM list index index
LPOS list value [RANK count] [COUNT small] [MAXLEN small]
LMOVE list list <LEFT|RIGHT> <LEFT|RIGHT>
RPOPLPUSH list list
LMPOP lists <LEFT|RIGHT> [COUNT small]
BLPOP (list)... 0.001
BRPOP (list)... 0.001
BLMOVE list list <LEFT|RIGHT> <LEFT|RIGHT> 0.001
BRPOPLPUSH list list 0.001
BLMPOP 0.001 lists <LEFT|RIGHT> [COUNT small]
SADD set (member)...
SREM set (member)...
SCARD set
SISMEMBER set member
SMISMEMBER set (member)...
SMEMBERS set
SPOP set [small]
SRANDMEMBER set [count]
SMOVE set set member
SINTER (set)...
SUNION (set)...
SDIFF (set)...
SINTERSTORE set (set)...
SUNIONSTORE set (set)...
SDIFFSTORE set (set)...
SINTERCARD sets [LIMIT small]
SSCAN set 0 [MATCH pattern] [COUNT small]
ZADD zset [NX|XX] [GT|LT] [CH] [INCR] (score member)...
ZADD zset (score member)...
ZSCORE zset member
ZMSCORE zset (member)...
ZCARD zset
ZREM zset (member)...
ZINCRBY zset score member
ZRANK zset member
ZREVRANK zset member
ZRANGE zset index index [REV] [WITHSCORES]
ZRANGE zset score_bound score_bound BYSCORE [REV] [LIMIT index index] [WITHSCORES]
ZADD lex (0 member)...
ZREM lex member
ZRANGE lex lex_bound lex_bound BYLEX [REV] [LIMIT index index]
ZREVRANGE zset index index [WITHSCORES]
ZRANGEBYSCORE zset score_bound score_bound [WITHSCORES] [LIMIT index index]
ZREVRANGEBYSCORE zset score_bound score_bound [WITHSCORES] [LIMIT index index]
ZRANGEBYLEX lex lex_bound lex_bound [LIMIT index index]
ZREVRANGEBYLEX lex lex_bound lex_bound [LIMIT index index]
ZRANGESTORE zset zset index index [REV]
ZRANGESTORE zset zset score_bound score_bound BYSCORE [LIMIT index index]
ZLEXCOUNT lex lex_bound lex_bound
ZCOUNT zset score_bound score_bound
ZREMRANGEBYRANK zset index index
ZREMRANGEBYSCORE zset score_bound score_bound
ZREMRANGEBYLEX lex lex_bound lex_bound
ZPOPMIN zset [small]
ZPOPMAX zset [small]
ZMPOP zsets <MIN|MAX> [COUNT small]
BZPOPMIN (zset)... 0.001
BZPOPMAX (zset)... 0.001
BZMPOP 0.001 zsets <MIN|MAX> [COUNT small]
ZUNION zsets_weighted [AGGREGATE <SUM|MIN|MAX>] [WITHSCORES]
ZINTER zsets_weighted [AGGREGATE <SUM|MIN|MAX>] [WITHSCORES]
ZDIFF zsets [WITHSCORES]
ZUNIONSTORE zset zsets_weighted [AGGREGATE <SUM|MIN|MAX>]
ZINTERSTORE zset zsets_weighted [AGGREGATE <SUM|MIN|MAX>]
ZDIFFSTORE zset zsets
ZINTERCARD zsets [LIMIT small]
ZRANDMEMBER zset [count [WITHSCORES]]
ZSCAN zset 0 [MATCH pattern] [COUNT small]
GEOADD geo [NX|XX] [CH] (position place)...
GEOADD geo (position place)...
GEOPOS geo (place)...
GEOHASH geo (place)...
GEODIST geo place place [unit]
GEOSEARCH geo <FROMMEMBER place|FROMLONLAT position> <BYRADIUS distance unit|BYBOX distance distance unit> [ASC|DESC] [COUNT small [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]
GEOSEARCHSTORE geo geo <FROMMEMBER place|FROMLONLAT position> <BYRADIUS distance unit|BYBOX distance distance unit> [ASC|DESC] [COUNT small [ANY]]
GEOSEARCHSTORE zset geo FROMLONLAT position BYRADIUS distance unit STOREDIST
GEORADIUS geo position distance unit [WITHDIST] [ASC|DESC] [COUNT small] [STORE geo|STOREDIST zset]
GEORADIUSBYMEMBER geo place distance unit [WITHHASH] [ASC|DESC] [STORE geo|STOREDIST zset]
GEORADIUS_RO geo position distance unit [WITHCOORD]
DEL (any)...
UNLINK (any)...
EXISTS (any)...
TOUCH (any)...
TYPE any
KEYS pattern
SCAN 0 [MATCH pattern] [COUNT small] [TYPE <string|list|set|zset|hash>]
RANDOMKEY
RENAME any any
RENAMENX any any
COPY any any [DB database] [REPLACE]
MOVE any database
SWAPDB database database
SELECT database
EXPIRE any seconds [NX|XX|GT|LT]
PEXPIRE any millis [NX|XX|GT|LT]
EXPIREAT any moment [NX|XX|GT|LT]
PEXPIREAT any milli_moment [NX|XX|GT|LT]
PERSIST any
TTL any
PTTL any
EXPIRETIME any
PEXPIRETIME any
OBJECT ENCODING any
DBSIZE
ECHO value
PING [value]
MULTI
EXEC
DISCARD
WATCH any
UNWATCH
"""

_STRANGE = ["", "abc", "-1", "0", "1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e400", "nan"]
_STRANGE += ["1.5", "-inf", "WITHSCORES", "LIMIT", "COUNT", "x" * 70, "\x00\xff", " 1", "NX", "("]
_TOKEN = re.compile(r"\.\.\.|[\[\]<>()|]|[^\s\[\]<>()|]+")


@dataclass(frozen=True)
class Choice:
    alternatives: list
    optional: bool


@dataclass(frozen=True)
class Repeat:
    items: list


class Generator:
    """Commands of one seed."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def command(self) -> list[bytes]:
        words = self._expand(self.random.choice(RULES))
        if self.random.random() < 0.1:
            self._damage(words)
        return [word.encode("latin-1") for word in words]

    def _expand(self, items: list) -> list[str]:
        words = []
        for item in items:
            if isinstance(item, Choice):
                if not item.optional or self.random.random() < 0.35:
                    words += self._expand(self.random.choice(item.alternatives))
            elif isinstance(item, Repeat):
                for _ in range(self.random.choice((1, 1, 2, 3))):
                    words += self._expand(item.items)
            elif item[0].islower():
                made = getattr(self, f"make_{item}")()
                words += made if isinstance(made, list) else [made]
            else:
                words.append(item)
        return words

    def _damage(self, words: list[str]) -> None:
        at = self.random.randrange(len(words))
        kind = self.random.randrange(4)
        if kind == 0 and len(words) > 1 and at > 0:
            del words[at]
        elif kind == 1 and at > 0:
            words.insert(at, words[at])
        elif kind == 2 and at > 1:
            words[at], words[at - 1] = words[at - 1], words[at]
        elif at > 0 and words[at] != TIMEOUT:
            words[at] = self.random.choice(_STRANGE)

    def _key(self, kind: str) -> str:
        if self.random.random() < 1 / 12:
            kind = self.random.choice(("string", "list", "hash", "set", "zset"))
        return f"{kind}{self.random.randrange(KEYS_PER_TYPE)}"

    # Keys.

    def make_string(self):
        return self._key("string")

    def make_list(self):
        return self._key("list")

    def make_hash(self):
        return self._key("hash")

    def make_set(self):
        return self._key("set")

    def make_zset(self):
        return self._key("zset" if self.random.random() < 0.95 else "set")

    def make_geo(self):
        return self._key("zset") if self.random.random() < 0.05 else f"geo{self.random.randrange(KEYS_PER_TYPE)}"

    def make_lex(self):
        """Of members with one score: what the BYLEX commands find among others is not specified."""
        return self._key("set") if self.random.random() < 0.05 else f"lex{self.random.randrange(KEYS_PER_TYPE)}"

    def make_any(self):
        return self._key(self.random.choice(("string", "list", "hash", "set", "zset")))

    def _counted(self, kind: str) -> list[str]:
        keys = [self._key(kind) for _ in range(self.random.randint(1, 3))]
        return [str(len(keys)), *keys]

    def make_lists(self):
        return self._counted("list")

    def make_sets(self):
        return self._counted("set")

    def make_zsets(self):
        return self._counted("zset")

    def make_zsets_weighted(self):
        words = self._counted("zset")
        if self.random.random() < 0.4:
            words += ["WEIGHTS"] + [self.make_float() for _ in words[1:]]
        return words

    # Values.

    def make_value(self):
        choice = self.random.random()
        if choice < 0.4:
            return str(self.random.randint(-3, 12))
        if choice < 0.9:
            return self.random.choice(("a", "b", "c", "foo", "bar", "foobar", "hello world", "", "Zz", "\x00\x01\xff"))
        return self.random.choice("xyz") * self.random.randint(30, 100)

    def make_member(self):
        return self.make_value() if self.random.random() < 0.5 else self.random.choice("abcdefgh")

    def make_field(self):
        return self.make_member()

    def make_number(self):
        return str(self.random.choice((0, 1, -1, 2, 7, 10, -20, 100, 255, 1 << 40, (1 << 63) - 1, -(1 << 63))))

    def make_float(self):
        return self.random.choice(("0", "1", "-1", "2", "0.5", "3.25", "-7.75", "1e3", "0.1", "1e-3", "inf", "-inf"))

    def make_score(self):
        return self.make_float() if self.random.random() < 0.4 else str(self.random.randint(-3, 12))

    def make_score_bound(self):
        bound = self.random.choice(("-inf", "+inf", "inf", str(self.random.randint(-3, 12)), self.make_float()))
        return ("(" if self.random.random() < 0.25 else "") + bound

    def make_lex_bound(self):
        return self.random.choice(("-", "+", self.random.choice("[(") + self.make_member()))

    def make_index(self):
        return str(self.random.randint(-6, 8))

    def make_count(self):
        return str(self.random.randint(-4, 6))

    def make_small(self):
        return str(self.random.randint(0, 6))

    def make_offset(self):
        return str(self.random.choice((0, 1, 2, 5, 40)))

    def make_bit_offset(self):
        return self.random.choice(("0", "1", "7", "8", "23", "100", "#0", "#1", "#3"))

    def make_bit_type(self):
        return self.random.choice("iu") + str(self.random.choice((1, 4, 5, 8, 16, 31, 32, 63, 64)))

    def make_pattern(self):
        return self.random.choice(("*", "s*", "*[0-1]", "?", "[a-c]*", "[^a]*", "*o*", "foo", "z\\set*", "string?"))

    def make_database(self):
        return str(self.random.randrange(DATABASES))

    # Positions: most of them near together; each place at a distance of its own.

    def make_position(self):
        if self.random.random() < 0.8:
            return [f"{12 + self.random.uniform(-2, 2):.6f}", f"{40 + self.random.uniform(-2, 2):.6f}"]
        return [f"{self.random.uniform(-185, 185):.6f}", f"{self.random.uniform(-86, 86):.6f}"]

    def make_place(self):
        return f"place{self.random.randrange(12)}"

    def make_distance(self):
        return self.random.choice(("0", "1", "100", "2500.5", "200000", "3e6", "1e7", "5e7", "-1"))

    def make_unit(self):
        return self.random.choice(("m", "m", "m", "km", "ft", "MI"))

    # Times: far away or past, so that nothing expires between the two servers.

    def make_seconds(self):
        return self.random.choice(("100", "1000", "100000", "0", "-1"))

    def make_millis(self):
        return self.random.choice(("100000", "1000000", "0", "-5"))

    def make_moment(self):
        return self.random.choice(("9999999999", "8888888888", "1"))

    def make_milli_moment(self):
        return self.random.choice(("9999999999123", "8888888888456", "1"))


def _parse(tokens: list[str], closing: str | None) -> list:
    """The items up to `closing`, or the list of alternatives where they are separated by bars."""
    alternatives: list[list] = [[]]
    while tokens:
        token = tokens.pop(0)
        if token == closing:
            break
        if token in "[<":
            alternatives[-1].append(Choice(_parse(tokens, "]" if token == "[" else ">"), token == "["))
        elif token == "(":
            alternatives[-1].append(Repeat(_parse(tokens, ")")[0]))
            assert tokens.pop(0) == "..."
        elif token == "|":
            alternatives.append([])
        else:
            alternatives[-1].append(token)
    return alternatives


RULES = [_parse(_TOKEN.findall(line), None)[0] for line in GRAMMAR.strip().splitlines()]

package rls

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
)

// tokenHash stands for a token in the cache, so that the cache holds no token.
type tokenHash [sha256.Size]byte

func hashToken(token string) tokenHash {
	var buffer [2048]byte // on the stack; few tokens need more
	return sha256.Sum256(append(buffer[:0], token...))
}

// cacheCounters outlive the caches that they count for.
type cacheCounters struct {
	hits, misses, evictions atomic.Int64
}

// cache keeps verdicts on tokens with the SIEVE algorithm (https://cachemon.github.io/SIEVE-website): new entries go to the
// head of a queue, hits only mark theirs, and the hand moves from the tail to the head, taking marks away, until it finds an
// entry without one, which goes. A nil cache keeps nothing.
type cache struct {
	size     int
	counters *cacheCounters

	mu         sync.RWMutex
	entries    map[tokenHash]*cacheEntry
	head, tail *cacheEntry
	hand       *cacheEntry // nil stands for the tail
}

type cacheEntry struct {
	hash         tokenHash
	verdict      *verdict
	visited      atomic.Bool
	newer, older *cacheEntry
}

// newCache makes a cache of that many entries, or none.
func newCache(size int, counters *cacheCounters) *cache {
	if size <= 0 {
		return nil
	}
	return &cache{size: size, counters: counters, entries: make(map[tokenHash]*cacheEntry, min(size, 1024))}
}

// get returns the verdict on a token, or nil. It is called once a request, and allocates nothing.
func (c *cache) get(hash *tokenHash) *verdict {
	c.mu.RLock()
	e := c.entries[*hash]
	c.mu.RUnlock()
	if e == nil {
		c.counters.misses.Add(1)
		return nil
	}
	c.counters.hits.Add(1)
	if !e.visited.Load() { // spares the write that other processors would see
		e.visited.Store(true)
	}
	return e.verdict
}

func (c *cache) add(hash *tokenHash, v *verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[*hash]; e != nil { // someone else verified it at the same time
		e.visited.Store(true)
		return
	}
	if len(c.entries) >= c.size {
		c.evict()
	}
	e := &cacheEntry{hash: *hash, verdict: v, older: c.head}
	if c.head != nil {
		c.head.newer = e
	} else {
		c.tail = e
	}
	c.head = e
	c.entries[e.hash] = e
}

func (c *cache) evict() {
	e := c.hand
	if e == nil {
		e = c.tail
	}
	for e.visited.Swap(false) {
		if e = e.newer; e == nil {
			e = c.tail
		}
	}
	c.hand = e.newer
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		c.head = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		c.tail = e.newer
	}
	delete(c.entries, e.hash)
	c.counters.evictions.Add(1)
}
